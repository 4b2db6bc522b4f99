-- Function: ctaudit.resume_position
-- Parameters: p_node, p_stream   whose stream; the name may be one that the node had
-- Returns: the position up to which the stream is committed, where its recorder resumes;
--          NULL: the stream is not known
-- Errors: CT005 as ctaudit.refuse_foreign
-- Tables touched: stream, node, node_change, node_login (read)
CREATE OR REPLACE FUNCTION ctaudit.resume_position(p_node text, p_stream uuid)
RETURNS bigint
LANGUAGE plpgsql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    p_node := ctaudit.own_node(p_node, p_stream);
    RETURN (
        SELECT s.position FROM ctaudit.stream AS s
        WHERE s.node = p_node AND s.stream = p_stream
    );
END
$function$;
