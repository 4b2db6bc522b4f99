-- Function: ctaudit.node_id_named
-- Parameters: p_node   a name as of ctaudit.node_named, or NULL
-- Returns: the gateway's number, NULL of NULL
-- Errors: as ctaudit.node_named
-- Tables touched: node, node_change (read)
CREATE OR REPLACE FUNCTION ctaudit.node_id_named(p_node text)
RETURNS smallint
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT n.node_id FROM ctaudit.node AS n
    WHERE p_node IS NOT NULL AND n.node = ctaudit.node_named(p_node);
$function$;
