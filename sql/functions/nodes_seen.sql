-- Function: ctaudit.nodes_seen
-- Which nodes have a row that a question may need: one query for all of them, so that a node
-- without one costs no more than its part of an index.
-- Parameters:
--   p_parts     what is needed of each node
--   p_asked     a condition on an r of opening_row, flow_row or dump_entry_row; it may use $11 to
--               $15
--   p_address, p_port, p_remote, p_remote_port, p_proto   $11 to $15
-- Returns: their node_ids
-- Tables touched: opening_row, flow_row, dump_entry_row (read)
CREATE OR REPLACE FUNCTION ctaudit.nodes_seen(
    p_parts ctaudit.needed_part[],
    p_asked text,
    p_address inet,
    p_port integer,
    p_remote inet,
    p_remote_port integer,
    p_proto smallint
)
RETURNS smallint[]
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
-- To start a worker takes longer than to look into an index.
SET max_parallel_workers_per_gather = 0
AS $function$
DECLARE
    v record;
    v_ids smallint[];
BEGIN
    SELECT
        array_agg(p.node_id) AS node_ids,
        min(p.openings_from) AS openings_from,
        max(p.openings_until) AS openings_until,
        min(p.ends_from) AS ends_from, max(p.ends_until) AS ends_until,
        min(p.wrong_from) AS wrong_from, max(p.wrong_until) AS wrong_until,
        min(p.entries_from) AS entries_from, max(p.entries_until) AS entries_until
    INTO v FROM unnest(p_parts) AS p;
    IF v.node_ids IS NULL THEN
        RETURN '{}';
    END IF;
    EXECUTE format($query$
        SELECT coalesce(array_agg(DISTINCT s.node_id), '{}') FROM (
            SELECT r.node_id FROM ctaudit.opening_row AS r
            WHERE (r.received_at >= $1 OR r.received_at BETWEEN $8 AND $9)
                AND r.received_at < $2 AND (%1$s)
            UNION ALL
            SELECT r.node_id FROM ctaudit.flow_row AS r
            WHERE (r.received_at >= $3 OR r.received_at BETWEEN $8 AND $9)
                AND r.received_at < $4 AND (%1$s)
            UNION ALL
            SELECT r.node_id FROM ctaudit.dump_entry_row AS r
            WHERE r.received_at >= $5 AND r.received_at <= $6 AND (%1$s)
        ) AS s WHERE s.node_id = ANY ($7)
    $query$, p_asked)
    INTO v_ids USING
        v.openings_from, v.openings_until, v.ends_from, v.ends_until, v.entries_from,
        v.entries_until, v.node_ids, v.wrong_from, v.wrong_until, NULL,
        p_address, p_port, p_remote, p_remote_port, p_proto;
    RETURN v_ids;
END
$function$;
