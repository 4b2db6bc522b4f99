-- Function: ctaudit.bounds_for
-- Where the rows stand that a question about a span needs (ctaudit.needed), of all nodes together but
-- for those of which many days are needed: these do not widen the question for the others.
-- Parameters: p_from, p_until   the span, NULL: without bound; p_node   a node, or a name it had; NULL: each
--   that existed at some time since p_from
-- Returns: bounds; each node has a part in one of them, an import may have several; NULL: no node
-- Tables touched: node, node_change, import, and those of ctaudit.needed (read); by ctaudit.empty_days: closed_partition
--   (read)
CREATE OR REPLACE FUNCTION ctaudit.bounds_for(p_from timestamptz, p_until timestamptz, p_node text)
RETURNS ctaudit.row_bounds[]
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    c_few CONSTANT interval := '3 days';
    v_from CONSTANT timestamptz := coalesce(p_from, '-infinity');
    v_until CONSTANT timestamptz := coalesce(p_until, 'infinity');
    v_bounds ctaudit.row_bounds[];
BEGIN
    SELECT array_agg(ctaudit.bounds_of(g.parts)) INTO v_bounds
    FROM (
        SELECT array_agg(b.part) AS parts
        FROM ctaudit.node AS n CROSS JOIN LATERAL (
            SELECT ctaudit.needed(n, v_from, v_until) AS part
            WHERE NOT EXISTS (SELECT FROM ctaudit.import AS i WHERE i.node = n.node)
            UNION ALL
            SELECT i FROM ctaudit.needed_of_import(n.node, v_from, v_until) AS i
        ) AS b
        WHERE CASE WHEN p_node IS NULL THEN coalesce(ctaudit.gone_at(n) >= v_from, true)
            ELSE n.node = ANY (ctaudit.nodes_named(p_node)) END
        GROUP BY (
            (b.part).openings_until > (b.part).openings_from + c_few
            OR (b.part).ends_until > (b.part).ends_from + c_few
            OR (b.part).entries_until > (b.part).entries_from + c_few
        ) IS TRUE
    ) AS g;
    RETURN v_bounds;
END
$function$;
