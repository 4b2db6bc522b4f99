-- Function: ctaudit.node_of
-- Whose stream this is: a gateway that was renamed in the database sends its old name until its
-- configuration has the new one. The streams tell it from another gateway that has that name now.
-- Parameters:
--   p_name      the name that the recorder sent
--   p_stream    the stream
--   p_earlier   of a start note: the stream before it in the same spool
-- Returns: the gateway's name now, where p_name was its name and p_stream or p_earlier is a
--   stream of it; else p_name
-- Tables touched: node_change, node, stream (read)
CREATE OR REPLACE FUNCTION ctaudit.node_of(
    p_name text,
    p_stream uuid,
    p_earlier uuid DEFAULT NULL
)
RETURNS text
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    RETURN coalesce((
        SELECT n.node
        FROM ctaudit.node_change AS c
        JOIN ctaudit.node AS n ON n.node_id = c.node_id
        JOIN ctaudit.stream AS s ON s.node = n.node AND s.stream IN (p_stream, p_earlier)
        WHERE c.former_name = p_name
        LIMIT 1
    ), p_name);
END
$function$;
