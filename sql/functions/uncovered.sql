-- Function: ctaudit.uncovered
-- The parts of a span over which the answer of ctaudit.flows may lack connections. What lies
-- between two edges (an end of coverage, of a gap or of a doubt of the clock, a dump) is judged
-- as a whole by ctaudit.completeness; in nat mode, of which flows lists what began, openings,
-- gaps and filter rules decide. The record of a declared pair counts as there.
-- Parameters:
--   p_node            NULL: each node that existed at some time of the span
--   p_from, p_until   the span. p_from NULL: from where the coverage of a node begins. p_until
--                     NULL or in the future: until a minute ago, since a recorder is a moment
--                     behind.
--   p_open            true: with p_from NULL, only the end of the span is asked for
-- Returns: one row for each part and reason, by node and time. node NULL: no node existed then.
-- Tables touched: node, stream, coverage, gap, dump, clock_doubt, note, pair_proof (read)
CREATE OR REPLACE FUNCTION ctaudit.uncovered(
    p_node text,
    p_from timestamptz,
    p_until timestamptz,
    p_open boolean DEFAULT false
)
RETURNS TABLE (
    node text,
    uncovered_from timestamptz,
    uncovered_until timestamptz,
    why text
)
LANGUAGE sql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET DateStyle = 'ISO, YMD'
AS $function$
    WITH ended AS (
        SELECT CASE WHEN p_until <= now() THEN p_until ELSE now() - interval '1 min' END AS until
    ),
    asked AS (
        SELECT n.node, span.until, coalesce(
            p_from,
            CASE WHEN p_open THEN span.until - interval '1 us' END,
            (SELECT min(c.covered_from) FROM ctaudit.coverage AS c WHERE c.node = n.node),
            (SELECT least(i.openings_from, i.ends_from) FROM ctaudit.import AS i
                WHERE i.node = n.node),
            n.first_seen
        ) AS since,
        n.node || ARRAY(
            SELECT p.pair FROM ctaudit.pair_proof AS p WHERE p.node = n.node AND p_node IS NULL
        ) AS sources
        FROM ctaudit.node AS n
        CROSS JOIN ended
        CROSS JOIN LATERAL (SELECT least(
            ended.until, CASE WHEN p_node IS NULL THEN ctaudit.left_at(n) END
        ) AS until) AS span
        WHERE n.node = ANY (ctaudit.nodes_named(p_node)) OR (
            p_node IS NULL AND n.first_seen < ended.until
            AND NOT EXISTS (SELECT FROM ctaudit.import AS i WHERE i.node = n.node)
            AND (coalesce(ctaudit.left_at(n) >= p_from, true) OR p_from IS NULL AND NOT p_open)
        )
    ),
    borders AS (
        SELECT a.node, border.at
        FROM asked AS a
        CROSS JOIN LATERAL (
            SELECT a.since AS at
            UNION SELECT a.until
            UNION SELECT unnest(ARRAY[c.covered_from, c.covered_until])
            FROM ctaudit.coverage AS c
            WHERE c.node = ANY (a.sources) AND c.covered_from < a.until
                AND c.covered_until > a.since
            UNION SELECT p.proved_from FROM ctaudit.pair_proof AS p WHERE p.node = a.node
            UNION SELECT unnest(ARRAY[g.gap_from, g.gap_until])
            FROM ctaudit.gap AS g
            WHERE g.node = ANY (a.sources) AND g.gap_from < a.until
                AND coalesce(g.gap_until, 'infinity') >= a.since
            UNION SELECT unnest(ARRAY[k.doubt_from, k.doubt_until])
            FROM ctaudit.clock_doubt AS k
            WHERE k.node = ANY (a.sources) AND k.doubt_from < a.until AND k.doubt_until >= a.since
        ) AS border
        WHERE border.at BETWEEN a.since AND a.until
    ),
    -- Up to the last dump before a border the record may be complete by ends. The one before it
    -- counts where not all ends have come that the last one promises.
    edges AS (
        SELECT b.node, b.at FROM borders AS b
        UNION
        SELECT b.node, before_it.began_at
        FROM borders AS b
        JOIN asked AS a ON a.node = b.node
        CROSS JOIN LATERAL (
            SELECT d.began_at FROM ctaudit.dump AS d
            WHERE d.node = b.node AND d.ended_at <= b.at
            ORDER BY d.ended_at DESC LIMIT 2
        ) AS before_it
        WHERE before_it.began_at > a.since
    ),
    -- What begins where a gap ends is not touched by it: judged_from leaves out the microsecond
    -- in which the gap ends.
    pieces AS (
        SELECT e.node, e.at AS piece_from,
            lead(e.at) OVER by_time AS piece_until,
            e.at + CASE WHEN row_number() OVER by_time = 1 THEN interval '0' ELSE interval '1 us'
            END AS judged_from
        FROM edges AS e
        WINDOW by_time AS (PARTITION BY e.node ORDER BY e.at)
    ),
    judged AS (
        SELECT p.node, p.piece_from, p.piece_until,
            CASE
                WHEN stream_then.mode IS DISTINCT FROM 'nat' THEN
                    (SELECT c.why FROM ctaudit.completeness(
                        p.node, p.judged_from, p.piece_until) AS c
                    WHERE p_node IS NOT NULL OR NOT EXISTS (
                        SELECT FROM ctaudit.covered_by_pair(
                            p.node, p.judged_from, p.piece_until) AS paired
                        WHERE paired.by_pair IS NOT NULL
                    ))
                WHEN gap_then.gap IS NOT NULL THEN p.node || ': ' || gap_then.gap
                WHEN NOT EXISTS (
                    SELECT FROM ctaudit.coverage AS c
                    WHERE c.node = p.node AND c.openings AND c.covered_from <= p.judged_from
                        AND c.covered_until >= p.piece_until
                ) THEN p.node || ': not covered'
                ELSE (SELECT p.node || ': ' || x.why FROM ctaudit.excluded(
                    p.node, p.judged_from, p.piece_until, NULL, NULL, NULL, NULL, NULL, NULL
                ) AS x)
            END AS why
        FROM pieces AS p
        LEFT JOIN LATERAL (
            SELECT s.mode FROM ctaudit.stream AS s
            WHERE s.node = p.node AND s.started_at <= p.judged_from
            ORDER BY s.started_at DESC LIMIT 1
        ) AS stream_then ON true
        LEFT JOIN LATERAL (
            SELECT ctaudit.format_gap(g) AS gap FROM ctaudit.gap AS g
            WHERE g.node = p.node AND g.gap_from < p.piece_until
                AND coalesce(g.gap_until, 'infinity') >= p.judged_from
            ORDER BY g.gap_from, g.gap_id LIMIT 1
        ) AS gap_then ON true
        WHERE p.judged_from < p.piece_until
    ),
    merged AS (
        SELECT j.node, j.why, range_agg(tstzrange(j.piece_from, j.piece_until)) AS parts
        FROM judged AS j WHERE j.why IS NOT NULL GROUP BY j.node, j.why
    )
    SELECT m.node, lower(part.span), upper(part.span), m.why
    FROM merged AS m CROSS JOIN LATERAL unnest(m.parts) AS part (span)
    UNION ALL
    SELECT NULL, p_from, p_until, 'no gateway had a record then'
    WHERE NOT EXISTS (SELECT FROM asked)
    ORDER BY 1, 2, 3;
$function$;
