-- Function: ctaudit.node_named
-- The one gateway that a command about a name means.
-- Parameters: p_name   the name that it has, or one that it had
-- Returns: the name that it has now. Who has a name now stands before who had it.
-- Errors: P0002 no such gateway; 22023 several had the name
-- Tables touched: node, node_change (read)
CREATE OR REPLACE FUNCTION ctaudit.node_named(p_name text)
RETURNS text
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_nodes CONSTANT text[] := ctaudit.nodes_named(p_name);
BEGIN
    IF p_name = ANY (v_nodes) THEN
        RETURN p_name;
    ELSIF cardinality(v_nodes) = 0 THEN
        RAISE EXCEPTION 'no gateway is named %', p_name USING ERRCODE = 'P0002';
    ELSIF cardinality(v_nodes) > 1 THEN
        RAISE EXCEPTION '% was the name of several gateways; give the name that it has now: %',
            p_name, array_to_string(v_nodes, ' or ') USING ERRCODE = '22023';
    END IF;
    RETURN v_nodes[1];
END
$function$;
