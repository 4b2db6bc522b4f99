-- Function: ctaudit.knows
-- For a front: whether a question about some gateways concerns this store. It is no inquiry.
-- Parameters: p_nodes   names that they have, or had
-- Returns: whether this store has or had one of them, also by import
-- Tables touched: node, node_change (read)
CREATE OR REPLACE FUNCTION ctaudit.knows(p_nodes text[])
RETURNS boolean
LANGUAGE plpgsql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    RETURN EXISTS (
        SELECT FROM unnest(p_nodes) AS n (name) WHERE ctaudit.nodes_named(n.name) <> '{}'
    );
END
$function$;
