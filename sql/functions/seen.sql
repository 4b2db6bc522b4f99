-- Function: ctaudit.seen
-- The rows that show a connection (ctaudit.seen_query), of one node or of some, planned for the values
-- asked for: one query for all nodes, so that one without such rows costs no more than its part of an
-- index. They may be many: the server writes to disk what is beyond work_mem.
-- Parameters: p_bounds   where the rows stand. Rows within them that no node needs are returned as well
--                        (ctaudit.connections leaves them out)
--   the others as those of ctaudit.connections
-- Returns: the rows
-- Tables touched: opening_row, flow_row, dump_entry_row (read)
DROP FUNCTION IF EXISTS ctaudit.nodes_seen(
    ctaudit.needed_part[], text, inet, integer, inet, integer, smallint
);
CREATE OR REPLACE FUNCTION ctaudit.seen(
    p_bounds ctaudit.row_bounds,
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
BEGIN
    RETURN QUERY EXECUTE ctaudit.bounded_query(p_bounds, p_query) USING
        p_bounds.begins, p_bounds.untils, p_bounds.node_ids, p_bounds.dump_ids,
        p_bounds.openings_until, NULL, NULL, NULL, NULL, NULL,
        p_address, p_port, p_remote, p_remote_port, p_proto;
END
$function$;
