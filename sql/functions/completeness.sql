-- Function: ctaudit.completeness
-- Whether the record can answer who in the span [p_from, p_until): what is covered counts,
-- never the mere absence of a gap.
--   By openings (live): one coverage span holds the asked one and no gap touches it. A
--   coverage span begins with a dump, so what was alive before is known, too.
--   By ends (live, history): ends are covered from p_from to the end of a complete dump that
--   began at or after p_until, and no gap touches that. Who was alive has ended since, or
--   stands in that dump.
--   In nat mode no end is recorded: never complete.
-- Parameters: p_node   NULL: every node whose life touches the span; p_from, p_until
-- Returns: one row a node: complete, and if not, why: a short sentence. covered_from and
--   covered_until are those of the coverage span nearest to the asked one. No row: no such
--   node, or none lived then.
-- Tables touched: node, stream, coverage, gap, dump, clock (read)
CREATE OR REPLACE FUNCTION ctaudit.completeness(
    p_node text,
    p_from timestamptz,
    p_until timestamptz
)
RETURNS TABLE (
    node text,
    complete boolean,
    why text,
    covered_from timestamptz,
    covered_until timestamptz
)
LANGUAGE sql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
    WITH asked AS (
        SELECT n.node, n.first_seen, n.retired_at, b.mode
        FROM ctaudit.node AS n
        LEFT JOIN LATERAL (
            SELECT b.mode FROM ctaudit.stream AS b WHERE b.node = n.node
            ORDER BY b.started_at <= p_from DESC,
                CASE WHEN b.started_at <= p_from THEN b.started_at END DESC, b.started_at
            LIMIT 1
        ) AS b ON true
        WHERE n.node = p_node OR (
            p_node IS NULL AND n.first_seen < p_until
            AND (n.retired_at IS NULL OR n.retired_at >= p_from)
        )
    ),
    proof AS (
        SELECT
            a.*, o.covered_until IS NOT NULL AS by_openings, d.ended_at AS dump_ended_at,
            near.covered_from, near.covered_until, near.openings, first.kept_from
        FROM asked AS a
        LEFT JOIN LATERAL (
            SELECT c.covered_until FROM ctaudit.coverage AS c
            WHERE c.node = a.node AND c.openings AND c.ends
                AND c.covered_from <= p_from AND c.covered_until >= p_until
            LIMIT 1
        ) AS o ON true
        LEFT JOIN LATERAL (
            SELECT d.ended_at FROM ctaudit.dump AS d
            WHERE d.node = a.node AND d.began_at >= p_until AND d.ended_at >= p_until
                AND EXISTS (
                    SELECT FROM ctaudit.coverage AS c
                    WHERE c.node = a.node AND c.ends
                        AND c.covered_from <= p_from AND c.covered_until >= d.ended_at
                )
            ORDER BY d.ended_at LIMIT 1
        ) AS d ON true
        LEFT JOIN LATERAL (
            SELECT c.covered_from, c.covered_until, c.openings FROM ctaudit.coverage AS c
            WHERE c.node = a.node
            ORDER BY
                c.covered_from <= p_from DESC,
                CASE WHEN c.covered_from <= p_from THEN c.covered_from END DESC, c.covered_from
            LIMIT 1
        ) AS near ON true
        LEFT JOIN LATERAL (
            SELECT min(c.covered_from) AS kept_from FROM ctaudit.coverage AS c
            WHERE c.node = a.node
        ) AS first ON true
    ),
    -- Words for a gap that touches the span, and for one before the dump that would prove by ends.
    gapped AS (
        SELECT p.*, g.words AS gap_words, h.words AS later_words
        FROM proof AS p
        LEFT JOIN LATERAL (
            SELECT ctaudit.gap_words(g) AS words FROM ctaudit.gap AS g
            WHERE g.node = p.node AND g.gap_from < p_until
                AND coalesce(g.gap_until, 'infinity') >= p_from
            ORDER BY g.gap_from, g.gap_id LIMIT 1
        ) AS g ON true
        LEFT JOIN LATERAL (
            SELECT ctaudit.gap_words(g) AS words FROM ctaudit.gap AS g
            WHERE g.node = p.node AND g.hides_ends
                AND g.gap_from <= coalesce(p.dump_ended_at, 'infinity')
                AND coalesce(g.gap_until, 'infinity') >= p_from
            ORDER BY g.gap_from, g.gap_id LIMIT 1
        ) AS h ON true
    ),
    said AS (
        SELECT
            g.*,
            CASE
                WHEN g.mode = 'nat' THEN 'nat mode does not record when connections end'
                WHEN s.step_seconds IS NOT NULL THEN format(
                    'the clock was stepped by %s s at %s', round(s.step_seconds::numeric, 3), s.at)
                WHEN g.by_openings AND g.gap_words IS NULL THEN NULL
                WHEN g.dump_ended_at IS NOT NULL AND g.later_words IS NULL THEN NULL
                WHEN p_from < g.first_seen THEN format(
                    'before the first record, which begins at %s', g.first_seen)
                WHEN g.gap_words IS NOT NULL THEN g.gap_words
                WHEN g.covered_from IS NULL THEN 'nothing is covered yet'
                WHEN p_from < g.kept_from AND g.first_seen < g.kept_from
                    AND r.trimmed THEN format(
                    'past retention: the record is kept from %s', g.kept_from)
                WHEN p_from < g.kept_from THEN format(
                    'before the first coverage, which begins at %s', g.kept_from)
                WHEN g.covered_until < p_until AND later.covered_from IS NULL THEN format(
                    'not yet recorded: covered until %s', g.covered_until)
                WHEN g.covered_until < p_until THEN format(
                    'not covered from %s until %s', g.covered_until, later.covered_from)
                WHEN g.mode = 'history' OR NOT g.openings THEN coalesce(
                    g.later_words,
                    'connections alive then may not have ended yet, and no later table dump '
                    'shows them')
                ELSE 'not covered'
            END AS words
        FROM gapped AS g
        LEFT JOIN LATERAL (
            SELECT k.at, k.step_seconds FROM ctaudit.clock AS k
            WHERE k.node = g.node AND k.step_seconds IS NOT NULL
                AND k.at + abs(k.step_seconds) * interval '1 second' >= p_from
                AND k.at - abs(k.step_seconds) * interval '1 second' < p_until
            ORDER BY k.at LIMIT 1
        ) AS s ON true
        LEFT JOIN LATERAL (
            SELECT min(c.covered_from) AS covered_from FROM ctaudit.coverage AS c
            WHERE c.node = g.node AND c.covered_from > g.covered_until
        ) AS later ON true
        LEFT JOIN LATERAL (
            -- Retention has cut off what the first stream covered.
            SELECT EXISTS (
                SELECT FROM ctaudit.note AS x WHERE x.node = g.node AND x.note = 'start'
                    AND x.at <= g.first_seen
            ) IS FALSE AS trimmed
        ) AS r ON true
    )
    SELECT
        s.node, s.words IS NULL,
        CASE WHEN s.words IS NOT NULL THEN s.node || ': ' || s.words END,
        s.covered_from, s.covered_until
    FROM said AS s
    ORDER BY s.node;
$function$;
