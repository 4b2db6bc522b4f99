-- Function: ctaudit.parts_of
-- Which part of each node's record a question about a span needs (ctaudit.needed).
-- Parameters: p_from, p_until   the span, NULL: without bound; p_node   a node, or a name it had; NULL: each that existed
--   at some time since p_from
-- Returns: a part a node; an import may have several; NULL: no node
-- Tables touched: node, node_change, import, and those of ctaudit.needed (read)
CREATE OR REPLACE FUNCTION ctaudit.parts_of(p_from timestamptz, p_until timestamptz, p_node text)
RETURNS ctaudit.needed_part[]
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_from CONSTANT timestamptz := coalesce(p_from, '-infinity');
    v_until CONSTANT timestamptz := coalesce(p_until, 'infinity');
    v_parts ctaudit.needed_part[];
BEGIN
    SELECT array_agg(b.part) INTO v_parts
    FROM ctaudit.node AS n CROSS JOIN LATERAL (
        SELECT ctaudit.needed(n, v_from, v_until) AS part
        WHERE NOT EXISTS (SELECT FROM ctaudit.import AS i WHERE i.node = n.node)
        UNION ALL
        SELECT i FROM ctaudit.needed_of_import(n.node, v_from, v_until) AS i
    ) AS b
    WHERE CASE WHEN p_node IS NULL THEN coalesce(ctaudit.gone_at(n) >= v_from, true)
        ELSE n.node = ANY (ctaudit.nodes_named(p_node)) END;
    RETURN v_parts;
END
$function$;
