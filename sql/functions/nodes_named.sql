-- Function: ctaudit.nodes_named
-- The gateways that a question about a name concerns: the one that has it, and those that had it
-- before they were renamed.
-- Parameters: p_name
-- Returns: names as they are now, first the one that is p_name; empty: nobody had that name
-- Tables touched: node, node_change (read)
CREATE OR REPLACE FUNCTION ctaudit.nodes_named(p_name text)
RETURNS text[]
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    IF p_name IS NULL THEN
        RETURN '{}';
    END IF;
    RETURN ARRAY(
        SELECT n.node FROM ctaudit.node AS n
        WHERE n.node = p_name OR n.node_id IN (
            SELECT c.node_id FROM ctaudit.node_change AS c WHERE c.former_name = p_name
        )
        ORDER BY n.node <> p_name, n.node
    );
END
$function$;
