-- Function: ctaudit.find_reach
-- How far back the first rows of a node reach: what had begun before it recorded is in its first
-- complete dump, or ended before that. Once this is known, a question about an earlier time leaves
-- these rows out (ctaudit.needed). Called by maintenance, once a node.
-- Parameters: p_node
-- Returns: whether it is known now; false: it is too early, nothing was done
-- Tables touched: node (written); import, dump, stream, dump_entry_row, flow_row (read)
CREATE OR REPLACE FUNCTION ctaudit.find_reach(p_node text)
RETURNS boolean
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
AS $function$
DECLARE
    v_node ctaudit.node;
    v_dump ctaudit.dump;
    v_from timestamptz;
    v_until timestamptz;
    v_reach timestamptz;
BEGIN
    SELECT * INTO v_node FROM ctaudit.node AS n WHERE n.node = p_node;
    SELECT d.* INTO v_dump FROM ctaudit.dump AS d
    WHERE d.node = p_node AND d.ended_at IS NOT NULL
    ORDER BY d.ended_at, d.dump_id LIMIT 1;
    v_from := least(v_node.first_seen, v_dump.began_at) - interval '2 hours';
    v_until := v_dump.ended_at + interval '2 hours';
    -- What a recorder has not sent yet may still come: also of one that was replaced.
    IF v_dump.dump_id IS NULL OR NOT coalesce((
        SELECT bool_and(s.covered_until >= v_until OR s.stopped_at IS NOT NULL)
            AND max(s.covered_until) >= v_until
        FROM ctaudit.stream AS s WHERE s.node = p_node AND s.started_at < v_until
    ), false) THEN
        RETURN false;
    END IF;
    SELECT least(v_node.first_seen, min(r.started_at)) INTO v_reach
    FROM (
        SELECT coalesce(e.started_at, '-infinity') AS started_at
        FROM ctaudit.dump_entry_row AS e
        WHERE (- e.dump_id) = (- v_dump.dump_id) AND e.received_at >= v_from
            AND e.received_at <= v_until
        UNION ALL
        SELECT CASE f.started_source WHEN 'k' THEN f.started_at ELSE '-infinity' END
        FROM ctaudit.flow_row AS f
        WHERE f.node_id = v_node.node_id AND f.received_at >= v_from AND f.received_at < v_until
    ) AS r;
    UPDATE ctaudit.node AS n SET first_dump_id = v_dump.dump_id, reaches_to = v_reach
    -- It may have become older meanwhile (ctaudit.begin_stream).
    WHERE n.node = p_node AND n.first_seen = v_node.first_seen;
    RETURN FOUND;
END
$function$;
