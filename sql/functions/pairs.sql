-- Function: ctaudit.pairs
-- The pairs that gateways declare now, by the last stream of each, and whether both do.
-- Parameters: p_node   its name, or one that it had; NULL: each gateway that declares one
-- Returns: one row per gateway, by name.
--   pair       the name that it gives
--   is_known   a gateway has or had that name
--   is_mutual  that gateway names this one
-- Tables touched: node, node_change, stream (read)
CREATE OR REPLACE FUNCTION ctaudit.pairs(p_node text DEFAULT NULL)
RETURNS TABLE (node text, pair text, is_known boolean, is_mutual boolean)
LANGUAGE sql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
    WITH declared AS (
        SELECT DISTINCT ON (s.node) s.node, s.detail ->> 'pair' AS pair
        FROM ctaudit.stream AS s ORDER BY s.node, s.started_at DESC
    )
    SELECT
        d.node, d.pair, cardinality(named.nodes) > 0,
        EXISTS (
            SELECT FROM declared AS other
            WHERE other.node = ANY (named.nodes) AND other.node <> d.node
                AND d.node = ANY (ctaudit.nodes_named(other.pair))
        )
    FROM declared AS d
    CROSS JOIN LATERAL (SELECT ctaudit.nodes_named(d.pair) AS nodes) AS named
    WHERE d.pair IS NOT NULL AND (p_node IS NULL OR d.node = (ctaudit.nodes_named(p_node))[1])
    ORDER BY d.node;
$function$;
