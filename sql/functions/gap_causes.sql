-- Function: ctaudit.gap_causes
-- The gaps of a span as numbers, for each gateway and cause. It shows no connection.
-- Parameters:
--   p_from, p_until   only gaps that touch this span
--   p_node            its name, or one that it had; NULL: each node
-- Returns: rows by node, most seconds first. A cause that names what was found, as "damaged segment:
--          ...", is its first words; proto NULL: gaps of all protocols
--   gaps, open   how many, and of these how many are not over
--   lost         events known to be lost, of uncounted gaps none; NULL: of none it is known
--   uncounted    gaps of which the number lost is not known
--   seconds      in the span: the sum, and the longest. Gaps that overlap count each
--   first_from, last_until   last_until NULL: one is not over
-- Tables touched: node, node_change, gap (read)
CREATE OR REPLACE FUNCTION ctaudit.gap_causes(
    p_from timestamptz,
    p_until timestamptz,
    p_node text DEFAULT NULL
)
RETURNS TABLE (
    node text,
    cause text,
    proto smallint,
    gaps bigint,
    open bigint,
    lost bigint,
    uncounted bigint,
    seconds double precision,
    longest double precision,
    first_from timestamptz,
    last_until timestamptz
)
LANGUAGE sql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT
        g.node, split_part(g.cause, ':', 1), g.proto, count(*), count(*) FILTER (WHERE l.is_open),
        sum(g.lost)::bigint, count(*) FILTER (WHERE g.lost IS NULL),
        sum(l.seconds), max(l.seconds), min(g.gap_from),
        CASE WHEN bool_or(g.gap_until IS NULL) THEN NULL ELSE max(g.gap_until) END
    FROM ctaudit.gap AS g
    CROSS JOIN LATERAL (
        SELECT coalesce(g.gap_until, 'infinity') > now() AS is_open, greatest(0, date_part(
            'epoch', least(coalesce(g.gap_until, 'infinity'), p_until, now())
                - greatest(g.gap_from, p_from)
        )) AS seconds
    ) AS l
    WHERE (p_node IS NULL OR g.node = ANY ((SELECT ctaudit.nodes_named(p_node))::text[]))
        AND g.gap_from < p_until AND coalesce(g.gap_until, 'infinity') >= p_from
    GROUP BY 1, 2, 3
    ORDER BY g.node, sum(l.seconds) DESC, 2, 3;
$function$;
