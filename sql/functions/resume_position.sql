-- Function: ctaudit.resume_position
-- Parameters: p_node, p_stream   whose stream; the name may be one that the node had
-- Returns: the position up to which the stream is committed, where its recorder resumes;
--          NULL: the stream is not known
-- Tables touched: stream, node, node_change (read)
CREATE OR REPLACE FUNCTION ctaudit.resume_position(p_node text, p_stream uuid)
RETURNS bigint
LANGUAGE sql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT s.position FROM ctaudit.stream AS s
    WHERE s.node = ctaudit.node_of(p_node, p_stream) AND s.stream = p_stream;
$function$;
