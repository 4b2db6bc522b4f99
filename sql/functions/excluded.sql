-- Function: ctaudit.excluded
-- Whether the filter rules of a node may have kept a connection out of the record that a question
-- is for. Rules stand in the detail of each stream (ctaudit.change_filter). A connection is asked
-- for as ctaudit.who finds it: outward by the tuple of the reply, inward by the original one.
-- Parameters:
--   p_node                one name
--   p_from, p_until       rules that held at some time of the span count
--   p_address to p_zone   as those of ctaudit.completeness_for
-- Returns: one row. why: the first such rule, without the node's name; NULL: none excludes any.
--   protocols: with p_proto NULL, those that such rules name
-- Tables touched: stream (read)
CREATE OR REPLACE FUNCTION ctaudit.excluded(
    p_node text,
    p_from timestamptz,
    p_until timestamptz,
    p_address inet,
    p_port integer,
    p_remote inet,
    p_remote_port integer,
    p_proto smallint,
    p_zone integer,
    OUT why text,
    OUT protocols smallint[]
)
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_address inet;
    v_remote inet;
    v_asked jsonb[];
    v_rules jsonb;
    v_number integer;
    v_rule jsonb;
BEGIN
    protocols := '{}';
    -- Most gateways have none.
    IF NOT EXISTS (
        SELECT FROM ctaudit.stream AS s WHERE s.node = p_node AND s.detail ?| '{filter,filters}'
    ) THEN
        RETURN;
    END IF;
    v_address := ctaudit.plain_address(p_address);
    v_remote := ctaudit.plain_address(p_remote);
    v_asked := ARRAY[
        jsonb_strip_nulls(jsonb_build_object(
            'reply_dst', v_address, 'reply_dport', p_port,
            'reply_src', v_remote, 'reply_sport', p_remote_port
        )),
        jsonb_strip_nulls(jsonb_build_object(
            'orig_dst', v_address, 'orig_dport', p_port,
            'orig_src', v_remote, 'orig_sport', p_remote_port
        ))
    ];
    FOR v_rules IN
        SELECT f.held -> 'rules'
        FROM ctaudit.stream AS s
        CROSS JOIN LATERAL (
            SELECT e.held, ctaudit.detail_time(e.held, 'from') AS held_from, coalesce(
                ctaudit.detail_time(lead(e.held) OVER (ORDER BY e.number), 'from'),
                s.stopped_at, 'infinity'
            ) AS held_until
            -- As the start note has them, if an older schema has recorded it.
            FROM jsonb_array_elements(coalesce(s.detail -> 'filters', jsonb_build_array(
                s.detail -> 'filter' || jsonb_build_object('from', s.started_at)
            ))) WITH ORDINALITY AS e (held, number)
        ) AS f
        WHERE s.node = p_node AND s.detail ?| '{filter,filters}' AND f.held_from < p_until
            AND greatest(f.held_from, f.held_until) >= p_from
        ORDER BY f.held_from
    LOOP
        IF jsonb_typeof(v_rules) <> 'array' THEN
            why := coalesce(why, 'filter rules then are not in the record');
            CONTINUE;
        END IF;
        FOR v_number, v_rule IN
            SELECT e.number, e.rule
            FROM jsonb_array_elements(v_rules) WITH ORDINALITY AS e (rule, number)
            WHERE e.rule ->> 'action' = 'deny' ORDER BY e.number
        LOOP
            CONTINUE WHEN NOT EXISTS (
                SELECT
                FROM unnest(v_asked) AS q (asked)
                -- What was not translated is the same in both tuples.
                CROSS JOIN LATERAL (SELECT q.asked
                    || CASE WHEN v_rule -> 'direction' ? 'no_snat' THEN jsonb_strip_nulls(
                        jsonb_build_object(
                            'orig_src', q.asked -> 'reply_dst', 'orig_sport', q.asked -> 'reply_dport',
                            'reply_dst', q.asked -> 'orig_src', 'reply_dport', q.asked -> 'orig_sport'
                        )
                    ) ELSE '{}' END
                    || CASE WHEN v_rule -> 'direction' ? 'no_dnat' THEN jsonb_strip_nulls(
                        jsonb_build_object(
                            'orig_dst', q.asked -> 'reply_src', 'orig_dport', q.asked -> 'reply_sport',
                            'reply_src', q.asked -> 'orig_dst', 'reply_sport', q.asked -> 'orig_dport'
                        )
                    ) ELSE '{}' END
                ) AS a (asked)
                WHERE ctaudit.rule_meets(v_rule, a.asked, family(v_address), p_proto, p_zone)
                    AND NOT EXISTS (
                        SELECT FROM jsonb_array_elements(v_rules) WITH ORDINALITY AS e (rule, number)
                        WHERE e.number < v_number AND e.rule ->> 'action' = 'accept'
                            AND ctaudit.rule_covers(e.rule, v_rule, a.asked, p_proto, p_zone)
                    )
            );
            why := coalesce(
                why, format(
                    'not recorded by rule %s (%s)', v_number, ctaudit.format_rule(v_rule))
            );
            IF p_proto IS NOT NULL THEN
                RETURN;
            END IF;
            -- It excludes connections of any protocol: further rules change nothing.
            EXIT WHEN NOT v_rule ? 'proto';
            protocols := protocols || ARRAY(
                SELECT p::smallint FROM jsonb_array_elements_text(v_rule -> 'proto') AS p
            );
        END LOOP;
    END LOOP;
END
$function$;
