-- Function: ctaudit.latest_gaps
-- The gaps that began last, read from an index: as ctaudit.gaps, with a bound.
-- Parameters:
--   p_from, p_until   only gaps that touch this span
--   p_limit           at most so many, 1 to 10,000
--   p_node            its name, or one that it had; NULL: each node
-- Returns: rows as ctaudit.gaps has them, the latest first
-- Errors: 22023 p_limit
-- Tables touched: node, node_change, gap (read)
CREATE OR REPLACE FUNCTION ctaudit.latest_gaps(
    p_from timestamptz,
    p_until timestamptz,
    p_limit integer,
    p_node text DEFAULT NULL
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
LANGUAGE plpgsql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    IF p_limit IS NULL OR p_limit NOT BETWEEN 1 AND 10000 THEN
        RAISE EXCEPTION '% gaps: must be 1 to 10,000', p_limit USING ERRCODE = '22023';
    END IF;
    RETURN QUERY
    SELECT
        g.node, g.stream, g.gap_from, g.gap_until, g.cause, g.lost, g.hides_openings,
        g.hides_ends, g.proto, g.detail
    FROM ctaudit.node AS n
    CROSS JOIN LATERAL (
        SELECT f.* FROM ctaudit.gap AS f
        WHERE f.node = n.node AND f.gap_from < p_until
            AND coalesce(f.gap_until, 'infinity') >= p_from
        ORDER BY f.gap_from DESC LIMIT p_limit
    ) AS g
    WHERE p_node IS NULL OR n.node = ANY ((SELECT ctaudit.nodes_named(p_node))::text[])
    ORDER BY g.gap_from DESC, g.gap_id DESC LIMIT p_limit;
END
$function$;
