-- Function: ctaudit.presence
-- In which time this store can have rows of a gateway: what a front needs of one that has moved from
-- one store to another.
-- Parameters: p_node   its name; NULL: of each
-- Returns: a row for each that is known. gone_at: as ctaudit.gone_at says it; elsewhere: as
--   ctaudit.elsewhere
-- Tables touched: node, stream (read)
DROP FUNCTION IF EXISTS ctaudit.presence(text);
CREATE OR REPLACE FUNCTION ctaudit.presence(p_node text DEFAULT NULL)
RETURNS TABLE (
    node text,
    first_seen timestamptz,
    gone_at timestamptz,
    elsewhere tstzmultirange
)
LANGUAGE sql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT n.node, n.first_seen, ctaudit.gone_at(n), ctaudit.elsewhere(n.node)
    FROM ctaudit.node AS n WHERE p_node IS NULL OR n.node = p_node;
$function$;
