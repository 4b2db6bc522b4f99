-- Function: ctaudit.own_node_named
-- The node of a recorder that asks about itself.
-- Parameters: p_name   its name, or one that it had
-- Returns: the name that it has now
-- Errors: CT005 as ctaudit.refuse_foreign
-- Tables touched: node_login; by ctaudit.nodes_named: node, node_change (read)
CREATE OR REPLACE FUNCTION ctaudit.own_node_named(p_name text)
RETURNS text
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_node CONSTANT text := coalesce((ctaudit.nodes_named(p_name))[1], p_name);
BEGIN
    PERFORM ctaudit.refuse_foreign(v_node);
    RETURN v_node;
END
$function$;
