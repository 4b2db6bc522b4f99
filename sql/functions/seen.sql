-- Function: ctaudit.seen
-- The rows that show a connection (ctaudit.seen_query), of one node or of some, planned for the values
-- asked for: one query for all nodes, so that one without such rows costs no more than its part of an
-- index. They may be many: the server writes to disk what is beyond work_mem.
-- Parameters: p_parts   what is needed of each node. With several, rows that only another one needs
--                       are returned as well (ctaudit.connections leaves them out)
--   the others as those of ctaudit.connections
-- Returns: the rows
-- Tables touched: opening_row, flow_row, dump_entry_row, dump (read)
DROP FUNCTION IF EXISTS ctaudit.nodes_seen(
    ctaudit.needed_part[], text, inet, integer, inet, integer, smallint
);
CREATE OR REPLACE FUNCTION ctaudit.seen(
    p_parts ctaudit.needed_part[],
    p_query text,
    p_address inet,
    p_port integer,
    p_remote inet,
    p_remote_port integer,
    p_proto smallint
)
RETURNS SETOF ctaudit.seen_row
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v record;
BEGIN
    SELECT
        array_agg(p.node_id) AS node_ids,
        min(p.openings_from) AS openings_from, max(p.openings_until) AS openings_until,
        min(p.ends_from) AS ends_from, max(p.ends_until) AS ends_until,
        min(p.wrong_from) AS wrong_from, max(p.wrong_until) AS wrong_until,
        min(p.entries_from) AS entries_from, max(p.entries_until) AS entries_until,
        ARRAY(
            SELECT d FROM unnest(p_parts) AS n,
                unnest(ARRAY[n.dump_before, n.dump_after] || n.dumps_within) AS d
        ) AS dump_ids
    INTO v FROM unnest(p_parts) AS p;
    RETURN QUERY EXECUTE p_query USING
        NULL, NULL, NULL, v.openings_from, v.openings_until, v.dump_ids, NULL, v.entries_from,
        v.entries_until, NULL, p_address, p_port, p_remote, p_remote_port, p_proto, v.ends_from,
        v.ends_until, NULL, v.wrong_from, v.wrong_until, v.node_ids;
END
$function$;
