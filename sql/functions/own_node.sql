-- Function: ctaudit.own_node
-- Whose stream this is, for who reads or locks it before ctaudit.advance has asked for the login.
-- Parameters: p_name, p_stream, p_earlier   as ctaudit.node_of
-- Returns: as ctaudit.node_of
-- Errors: CT005 as ctaudit.refuse_foreign
-- Tables touched: node_login; by ctaudit.node_of: node_change, node, stream (read)
CREATE OR REPLACE FUNCTION ctaudit.own_node(
    p_name text,
    p_stream uuid,
    p_earlier uuid DEFAULT NULL
)
RETURNS text
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_node CONSTANT text := ctaudit.node_of(p_name, p_stream, p_earlier);
BEGIN
    PERFORM ctaudit.refuse_foreign(v_node);
    RETURN v_node;
END
$function$;
