-- Function: ctaudit.rule_meets
-- Whether a connection that a question is for may satisfy the conditions of a filter rule. Where it
-- cannot be told, it may. Whether it was translated is not known.
-- Parameters:
--   p_rule     {orig_src, orig_dst, reply_src, reply_dst: [network, ...], orig_sport, orig_dport,
--              reply_sport, reply_dport: [[first, last], ...], proto, zone: [number, ...],
--              direction: [snat, dnat, nat_only, no_snat, no_dnat], action}; a condition
--              that is left out holds always
--   p_asked    {reply_dst, reply_dport, ...}: what the question says of the tuples
--   p_family   4 or 6; NULL: any
--   p_proto    NULL: any; -1: any that the rule does not name
--   p_zone     of either direction; NULL: any
-- Returns: true: it may
-- Tables touched: none
CREATE OR REPLACE FUNCTION ctaudit.rule_meets(
    p_rule jsonb,
    p_asked jsonb,
    p_family integer,
    p_proto smallint,
    p_zone integer
)
RETURNS boolean
LANGUAGE sql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT (p_proto IS NULL OR NOT p_rule ? 'proto' OR p_rule -> 'proto' @> to_jsonb(p_proto))
        -- A zone of one direction has 0 in the other one.
        AND (coalesce(p_zone, 0) = 0 OR NOT p_rule ? 'zone' OR p_rule -> 'zone' @> to_jsonb(p_zone))
        AND NOT EXISTS (
            SELECT FROM unnest('{orig_src,orig_dst,reply_src,reply_dst}'::text[]) AS f (field)
            WHERE p_rule ? f.field AND NOT EXISTS (
                SELECT FROM jsonb_array_elements_text(p_rule -> f.field) AS n (network)
                WHERE CASE WHEN p_asked ? f.field
                    THEN (p_asked ->> f.field)::inet <<= n.network::inet
                    ELSE coalesce(family(n.network::inet) = p_family, true) END
            )
        )
        -- An ICMP id is no port.
        AND NOT EXISTS (
            SELECT FROM unnest('{orig_sport,orig_dport,reply_sport,reply_dport}'::text[])
                AS f (field)
            WHERE p_rule ? f.field AND (coalesce(p_proto IN (1, 58), false) OR (
                p_asked ? f.field AND NOT EXISTS (
                    SELECT FROM jsonb_array_elements(p_rule -> f.field) AS s (span)
                    WHERE (p_asked ->> f.field)::integer
                        BETWEEN (s.span ->> 0)::integer AND (s.span ->> 1)::integer
                )
            ))
        );
$function$;
