-- Function: ctaudit.record_basis
-- What the record of each gateway rests on in a span: its latest stream by then, table dumps, the
-- clock. It shows no connection.
-- Parameters:
--   p_from, p_until   the span
--   p_node            its name, or one that it had; NULL: each node
-- Returns: one row per node that was first seen before p_until, by name
--   first_seen, retired_at   retired_at NULL: it is not gone
--   imported_from   the program that had recorded what it has; NULL: it records itself
--   mode, started_at, stopped_at, covered_until, lag   of the stream that began last by p_until; lag
--                in seconds, as in ctaudit.status; NULL: there is none
--   dropped      events that the receiver of that stream discarded, since the spool was full
--   excludes     filter rules of that stream may keep connections out of the record
--   dumps        complete table dumps that ended in the span
--   dumped_at, entries   the last of these: its end, and how many connections it showed
--   clock_notes, unsynchronised   states of the clock that were noted in the span, about one an hour;
--                of these, how many were not synchronised
--   noted_at, synchronised, estimated_error_us   the last of these
--   largest_error_us   the largest estimated error
--   steps, largest_step   steps of the clock in the span, and the largest in seconds
-- Tables touched: node, node_change, import, stream, dump, clock (read)
CREATE OR REPLACE FUNCTION ctaudit.record_basis(
    p_from timestamptz,
    p_until timestamptz,
    p_node text DEFAULT NULL
)
RETURNS TABLE (
    node text,
    first_seen timestamptz,
    retired_at timestamptz,
    imported_from text,
    mode text,
    started_at timestamptz,
    stopped_at timestamptz,
    covered_until timestamptz,
    lag double precision,
    dropped bigint,
    excludes boolean,
    dumps bigint,
    dumped_at timestamptz,
    entries bigint,
    clock_notes bigint,
    unsynchronised bigint,
    noted_at timestamptz,
    synchronised boolean,
    estimated_error_us bigint,
    largest_error_us bigint,
    steps bigint,
    largest_step double precision
)
LANGUAGE sql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $function$
    -- One reading of the clock's notes for all nodes: no index has those of a node.
    WITH state AS (
        SELECT
            k.node, count(*) FILTER (WHERE k.step_seconds IS NULL) AS notes,
            count(*) FILTER (WHERE k.step_seconds IS NULL AND NOT k.synchronised) AS unsynchronised,
            max(k.clock_id) FILTER (WHERE k.step_seconds IS NULL) AS last_id,
            max(k.estimated_error_us) AS largest_error_us, count(k.step_seconds) AS steps,
            (array_agg(k.step_seconds ORDER BY abs(k.step_seconds) DESC)
                FILTER (WHERE k.step_seconds IS NOT NULL))[1] AS largest_step
        FROM ctaudit.clock AS k
        WHERE k.at >= p_from AND k.at < p_until AND (
            p_node IS NULL OR k.node = ANY ((SELECT ctaudit.nodes_named(p_node))::text[])
        )
        GROUP BY k.node
    )
    SELECT
        n.node, coalesce(least(i.openings_from, i.ends_from), n.first_seen), ctaudit.gone_at(n),
        i.imported_from, s.mode, s.started_at, s.stopped_at, s.covered_until,
        CASE WHEN s.stopped_at IS NULL THEN
            extract(epoch FROM clock_timestamp() - s.covered_until)::double precision END,
        s.dropped, coalesce(s.detail -> 'filters' -> -1 ->> 'digest' IS NOT NULL
            OR jsonb_typeof(s.detail -> 'filter') = 'object', false),
        d.dumps, d.dumped_at, d.entries,
        coalesce(k.notes, 0), coalesce(k.unsynchronised, 0), l.at, l.synchronised,
        l.estimated_error_us, k.largest_error_us, coalesce(k.steps, 0), k.largest_step
    FROM ctaudit.node AS n
    LEFT JOIN ctaudit.import AS i ON i.node = n.node
    LEFT JOIN LATERAL (
        SELECT t.* FROM ctaudit.stream AS t
        WHERE t.node = n.node AND t.started_at < p_until
        ORDER BY t.started_at DESC LIMIT 1
    ) AS s ON true
    CROSS JOIN LATERAL (
        SELECT count(*) AS dumps, max(u.ended_at) AS dumped_at,
            (array_agg(u.entries ORDER BY u.ended_at DESC))[1] AS entries
        FROM ctaudit.dump AS u
        WHERE u.node = n.node AND u.ended_at >= p_from AND u.ended_at < p_until
    ) AS d
    LEFT JOIN state AS k ON k.node = n.node
    LEFT JOIN ctaudit.clock AS l ON l.clock_id = k.last_id
    WHERE (p_node IS NULL OR n.node = ANY ((SELECT ctaudit.nodes_named(p_node))::text[]))
        AND coalesce(least(i.openings_from, i.ends_from), n.first_seen) < p_until
    ORDER BY n.node;
$function$;
