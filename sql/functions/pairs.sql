-- Function: ctaudit.pairs
-- The pairs that gateways declare now, by the last stream of each, and whether both do.
-- Parameters: p_node   its name, or one that it had; NULL: each gateway that declares one. A login
--   that is no auditor's asks about a node that it records as
-- Returns: one row per gateway, by name.
--   pair       the name that it gives
--   is_known   a gateway has or had that name
--   is_mutual  that gateway names this one
-- Errors: CT005 as ctaudit.refuse_foreign
-- Tables touched: node, node_change, node_login, stream (read)
CREATE OR REPLACE FUNCTION ctaudit.pairs(p_node text DEFAULT NULL)
RETURNS TABLE (node text, pair text, is_known boolean, is_mutual boolean)
LANGUAGE plpgsql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_column
BEGIN
    IF pg_has_role(session_user, 'ctaudit_auditor', 'MEMBER') THEN
        p_node := CASE WHEN p_node IS NOT NULL
            THEN coalesce((ctaudit.nodes_named(p_node))[1], p_node) END;
    ELSE
        p_node := ctaudit.own_node_named(p_node);
    END IF;
    RETURN QUERY
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
    WHERE d.pair IS NOT NULL AND (p_node IS NULL OR d.node = p_node)
    ORDER BY d.node;
END
$function$;
