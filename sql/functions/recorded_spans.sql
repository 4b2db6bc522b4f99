-- Function: ctaudit.recorded_spans
-- What of a span is recorded at each gateway, and what is missing, for a picture of it: parts of one
-- kind that lie closer together than p_step are one row, which says how many gaps are in it. So the
-- rows are bounded by the span and the step, whatever number of gaps there are. It shows no
-- connection. Imported nodes have no coverage, and no row.
-- Parameters:
--   p_from, p_until   the span; what is later than now is left out
--   p_step            at least a 2,000th of the span
--   p_node            its name, or one that it had; NULL: each node
-- Returns: rows by node, kind and time
--   kind       covered     coverage without a gap of all protocols
--              gap         of all protocols
--              partial     gaps of one protocol
--              doubtful    times that prove nothing since the clock was stepped
--              pending     from where a stream that goes on is covered until now
--              uncovered   none of these, since the node was first seen and until it was gone
--   seconds    of that kind in the row
--   gaps       rows of ctaudit.gap in it
-- Errors: 22023 the span or the step cannot be asked for
-- Tables touched: node, node_change, import, stream, coverage, gap, clock_doubt (read)
CREATE OR REPLACE FUNCTION ctaudit.recorded_spans(
    p_from timestamptz,
    p_until timestamptz,
    p_step interval,
    p_node text DEFAULT NULL
)
RETURNS TABLE (
    node text,
    kind text,
    span_from timestamptz,
    span_until timestamptz,
    seconds double precision,
    gaps bigint
)
LANGUAGE plpgsql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET jit = off
SET work_mem = '64MB'
AS $function$
DECLARE
    v_until timestamptz := least(p_until, now());
BEGIN
    IF p_from IS NULL OR NOT isfinite(p_from) OR NOT isfinite(v_until) OR p_from >= v_until THEN
        RAISE EXCEPTION 'the record from % until %: must be a span that has begun', p_from, p_until
            USING ERRCODE = '22023';
    ELSIF p_step IS NULL OR p_step <= interval '0'
        OR extract(epoch FROM v_until - p_from) / extract(epoch FROM p_step) > 2000
    THEN
        RAISE EXCEPTION 'a step of %: must be at least a 2,000th of the span', p_step
            USING ERRCODE = '22023';
    END IF;
    RETURN QUERY
    WITH asked AS MATERIALIZED (
        SELECT n.node, n.node_id, tstzmultirange(tstzrange(
            greatest(p_from, n.first_seen),
            greatest(p_from, n.first_seen, least(v_until, ctaudit.gone_at(n)))
        )) AS existed,
        (SELECT range_agg(tstzrange(s.covered_until, greatest(s.covered_until, now())))
            FROM ctaudit.stream AS s
            WHERE s.node = n.node AND s.stopped_at IS NULL AND s.covered_from IS NOT NULL
        ) AS pending
        FROM ctaudit.node AS n
        WHERE (p_node IS NULL OR n.node = ANY ((SELECT ctaudit.nodes_named(p_node))::text[]))
            AND NOT EXISTS (SELECT FROM ctaudit.import AS i WHERE i.node = n.node)
    ),
    gap AS MATERIALIZED (
        SELECT a.node_id, g.proto IS NULL AS is_whole, greatest(g.gap_from, p_from) AS gap_from,
            least(coalesce(g.gap_until, 'infinity'), v_until) AS gap_until
        FROM asked AS a
        JOIN ctaudit.gap AS g ON g.node = a.node
        WHERE g.gap_from < v_until AND coalesce(g.gap_until, 'infinity') >= p_from
    ),
    -- A gap of a moment has one microsecond.
    missing AS (
        SELECT g.node_id,
            range_agg(tstzrange(g.gap_from, greatest(g.gap_until, g.gap_from + interval '1 us')))
                FILTER (WHERE g.is_whole) AS whole,
            range_agg(tstzrange(g.gap_from, greatest(g.gap_until, g.gap_from + interval '1 us')))
                FILTER (WHERE NOT g.is_whole) AS partial
        FROM gap AS g GROUP BY g.node_id
    ),
    known AS MATERIALIZED (
        SELECT a.node_id, a.existed, coalesce(m.whole, '{}') AS whole,
            coalesce(m.partial, '{}') AS partial, coalesce(a.pending, '{}') AS pending,
            coalesce((
                SELECT range_agg(tstzrange(c.covered_from, c.covered_until))
                FROM ctaudit.coverage AS c
                WHERE c.node = a.node AND c.covered_from < v_until AND c.covered_until > p_from
            ), '{}') AS covered,
            coalesce((
                SELECT range_agg(tstzrange(k.doubt_from, k.doubt_until, '[]'))
                FROM ctaudit.clock_doubt AS k
                WHERE k.node = a.node AND k.doubt_from < v_until AND k.doubt_until >= p_from
            ), '{}') AS doubtful
        FROM asked AS a LEFT JOIN missing AS m ON m.node_id = a.node_id
    ),
    -- Kinds are numbers here, which sort faster than names do.
    part AS (
        SELECT k.node_id, p.kind, lower(u.span) AS part_from, upper(u.span) AS part_until, 0 AS gaps
        FROM known AS k
        CROSS JOIN LATERAL (VALUES
            (1, k.existed * k.covered - k.whole),
            (4, tstzmultirange(tstzrange(p_from, v_until)) * k.doubtful),
            (5, k.existed * k.pending - k.covered - k.whole),
            (6, k.existed - k.covered - k.whole - k.pending)
        ) AS p (kind, spans)
        CROSS JOIN LATERAL unnest(p.spans) AS u (span)
        UNION ALL
        SELECT g.node_id, CASE WHEN g.is_whole THEN 2 ELSE 3 END, g.gap_from, g.gap_until, 1
        FROM gap AS g
    ),
    following AS (
        SELECT p.*, max(p.part_until) OVER (
            PARTITION BY p.node_id, p.kind ORDER BY p.part_from
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS reached
        FROM part AS p
    ),
    begun AS (
        SELECT f.*, coalesce(f.part_from - f.reached > p_step, true) AS is_new,
            -- What no part before it has of it.
            greatest(date_part('epoch', f.part_until - greatest(f.part_from, f.reached)), 0)
                AS seconds
        FROM following AS f
    ),
    numbered AS (
        SELECT b.*, count(*) FILTER (WHERE b.is_new) OVER (
            PARTITION BY b.node_id, b.kind ORDER BY b.part_from ROWS UNBOUNDED PRECEDING
        ) AS number
        FROM begun AS b
    )
    SELECT a.node,
        ('{covered,gap,partial,doubtful,pending,uncovered}'::text[])[n.kind],
        min(n.part_from), max(n.part_until), sum(n.seconds), sum(n.gaps)
    FROM numbered AS n
    JOIN asked AS a ON a.node_id = n.node_id
    GROUP BY a.node, n.kind, n.number
    ORDER BY a.node, n.kind, min(n.part_from);
END
$function$;
