-- Function: ctaudit.end_coverage
-- Ends a stream's coverage where it is, and spoils the dump that is running: what was lost
-- meanwhile may be missing in it.
-- Parameters: p_node, p_stream
-- Returns: nothing
-- Tables touched: stream
CREATE OR REPLACE FUNCTION ctaudit.end_coverage(p_node text, p_stream uuid)
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $function$
    UPDATE ctaudit.stream AS s SET covered_from = NULL, dump_id = NULL
    WHERE s.node = p_node AND s.stream = p_stream;
$function$;
