-- Function: ctaudit.rule_covers
-- Whether each connection that a question is for, and that satisfies the conditions of one filter
-- rule, satisfies those of another one. Where it cannot be told, it does not.
-- Parameters: p_other   the other one; p_rule and the others   as of ctaudit.rule_meets
-- Returns: true: each one does
-- Tables touched: none
CREATE OR REPLACE FUNCTION ctaudit.rule_covers(
    p_other jsonb,
    p_rule jsonb,
    p_asked jsonb,
    p_proto smallint,
    p_zone integer
)
RETURNS boolean
LANGUAGE sql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT (
            NOT p_other ? 'proto'
            OR coalesce(p_other -> 'proto' @> coalesce(to_jsonb(p_proto), p_rule -> 'proto'), false)
        )
        AND (
            NOT p_other ? 'zone'
            OR coalesce(p_other -> 'zone' @> coalesce(to_jsonb(nullif(p_zone, 0)), p_rule -> 'zone'), false)
        )
        AND NOT EXISTS (
            SELECT FROM jsonb_array_elements_text(p_other -> 'direction') AS d (word)
            WHERE NOT coalesce(p_rule -> 'direction' ? d.word, false)
                AND NOT coalesce(
                    d.word = 'nat_only' AND p_rule -> 'direction' ?| '{snat,dnat}', false
                )
        )
        AND NOT EXISTS (
            SELECT FROM unnest('{orig_src,orig_dst,reply_src,reply_dst}'::text[]) AS f (field)
            WHERE p_other ? f.field AND NOT CASE
                WHEN p_asked ? f.field THEN EXISTS (
                    SELECT FROM jsonb_array_elements_text(p_other -> f.field) AS n (network)
                    WHERE (p_asked ->> f.field)::inet <<= n.network::inet
                )
                ELSE p_rule ? f.field AND NOT EXISTS (
                    SELECT FROM jsonb_array_elements_text(p_rule -> f.field) AS o (network)
                    WHERE NOT EXISTS (
                        SELECT FROM jsonb_array_elements_text(p_other -> f.field) AS n (network)
                        WHERE o.network::inet <<= n.network::inet
                    )
                )
            END
        )
        -- What has no ports satisfies no condition on them.
        AND NOT EXISTS (
            SELECT FROM unnest('{orig_sport,orig_dport,reply_sport,reply_dport}'::text[])
                AS f (field)
            WHERE p_other ? f.field AND NOT (
                (
                    coalesce(p_proto IN (6, 17, 33, 132, 136), false)
                    OR p_rule ?| '{orig_sport,orig_dport,reply_sport,reply_dport}'
                    OR coalesce(p_rule -> 'proto' <@ '[6, 17, 33, 132, 136]', false)
                )
                AND CASE WHEN p_asked ? f.field THEN EXISTS (
                        SELECT FROM jsonb_array_elements(p_other -> f.field) AS s (span)
                        WHERE (p_asked ->> f.field)::integer
                            BETWEEN (s.span ->> 0)::integer AND (s.span ->> 1)::integer
                    )
                    ELSE p_rule ? f.field AND NOT EXISTS (
                        SELECT FROM jsonb_array_elements(p_rule -> f.field) AS o (span)
                        WHERE NOT EXISTS (
                            SELECT FROM jsonb_array_elements(p_other -> f.field) AS s (span)
                            WHERE (s.span ->> 0)::integer <= (o.span ->> 0)::integer
                                AND (s.span ->> 1)::integer >= (o.span ->> 1)::integer
                        )
                    )
                END
            )
        );
$function$;
