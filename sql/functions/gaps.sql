-- Function: ctaudit.gaps
-- The spans in which events may be missing.
-- Parameters:
--   p_node            its name, or one that it had; NULL: each node
--   p_from, p_until   only gaps that touch this span; NULL: without bound
-- Returns: gaps, ordered by their start. gap_until NULL: not ended; lost NULL: the number is
--          not known; proto NULL: of all protocols
-- Tables touched: gap, node, node_change (read)
CREATE OR REPLACE FUNCTION ctaudit.gaps(
    p_node text DEFAULT NULL,
    p_from timestamptz DEFAULT NULL,
    p_until timestamptz DEFAULT NULL
)
RETURNS TABLE (
    node text,
    stream uuid,
    gap_from timestamptz,
    gap_until timestamptz,
    cause text,
    lost bigint,
    hides_openings boolean,
    hides_ends boolean,
    proto smallint,
    detail jsonb
)
LANGUAGE sql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT
        g.node, g.stream, g.gap_from, g.gap_until, g.cause, g.lost, g.hides_openings,
        g.hides_ends, g.proto, g.detail
    FROM ctaudit.gap AS g
    WHERE (p_node IS NULL OR g.node = ANY ((SELECT ctaudit.nodes_named(p_node))::text[]))
        AND (p_until IS NULL OR g.gap_from < p_until)
        AND (p_from IS NULL OR coalesce(g.gap_until, 'infinity') >= p_from)
    ORDER BY g.gap_from, g.gap_id;
$function$;
