-- Function: ctaudit.end_coverage
-- Ends the coverage of a stream where it has come to. The dump that is running does not count as
-- complete any more, since events were lost while it ran.
-- Parameters: p_node, p_stream   whose stream
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
