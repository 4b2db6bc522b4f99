-- Function: ctaudit.seen
-- The rows of one node that show a connection (ctaudit.seen_query), planned for the values asked
-- for. They may be many: the server writes to disk what is beyond work_mem.
-- Parameters: as those of ctaudit.connections
-- Returns: the rows
-- Tables touched: opening_row, flow_row, dump_entry_row, dump (read)
CREATE OR REPLACE FUNCTION ctaudit.seen(
    p_query text,
    p_from timestamptz,
    p_until timestamptz,
    p_needed ctaudit.needed_part,
    p_own inet[],
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
    RETURN QUERY EXECUTE p_query USING
        p_from, p_until, p_needed.node, p_needed.openings_from, p_needed.openings_until,
        p_needed.dump_before, p_needed.dump_after, p_needed.entries_from, p_needed.entries_until,
        NULL, p_address, p_port, p_remote, p_remote_port, p_proto, p_needed.ends_from,
        p_needed.ends_until, p_needed.dumps_within, p_needed.wrong_from, p_needed.wrong_until,
        p_needed.node_id, p_own;
END
$function$;
