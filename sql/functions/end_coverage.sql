-- Function: ctaudit.end_coverage
-- Ends a stream's coverage where it is, and spoils the dump that is running: what was lost
-- meanwhile may be missing in it.
-- Parameters: p_node, p_stream
-- Returns: nothing
-- Tables touched: batch
CREATE OR REPLACE FUNCTION ctaudit.end_coverage(p_node text, p_stream uuid)
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $function$
    UPDATE ctaudit.batch AS b SET covered_from = NULL, dump_id = NULL
    WHERE b.node = p_node AND b.stream = p_stream;
$function$;
