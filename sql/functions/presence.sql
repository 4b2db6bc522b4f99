-- Function: ctaudit.presence
-- In which time this store can have rows of a gateway: what a front needs of one that has moved from
-- one store to another.
-- Parameters: p_node   its name
-- Returns: one row, or none where it is not known. gone_at: as ctaudit.gone_at says it
-- Tables touched: node, stream (read)
CREATE OR REPLACE FUNCTION ctaudit.presence(p_node text)
RETURNS TABLE (first_seen timestamptz, gone_at timestamptz)
LANGUAGE sql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT n.first_seen, ctaudit.gone_at(n) FROM ctaudit.node AS n WHERE n.node = p_node;
$function$;
