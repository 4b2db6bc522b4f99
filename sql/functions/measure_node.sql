-- Function: ctaudit.measure_node
-- What ctaudit.metrics and ctaudit.own_metrics say of one node: counts of its latest stream, which
-- begin at 0 with each stream, and what is missing.
-- Parameters: p_node   the name that it has now
-- Returns: as ctaudit.metrics; no row: it has no stream
-- Tables touched: stream, gap (read)
CREATE OR REPLACE FUNCTION ctaudit.measure_node(p_node text)
RETURNS TABLE (
    node text,
    started_at timestamptz,
    lag double precision,
    received bigint,
    stored bigint,
    filtered bigint,
    undecodable bigint,
    dropped bigint,
    kernel_drops bigint,
    open_gaps bigint,
    uncovered double precision,
    uncovered_in_part double precision,
    canary_at timestamptz
)
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
    WITH latest AS (
        SELECT s.* FROM ctaudit.stream AS s WHERE s.node = p_node
        ORDER BY s.started_at DESC LIMIT 1
    ),
    of_stream AS (
        SELECT coalesce(sum((g.detail ->> 'undelivered')::bigint), 0)::bigint AS kernel_drops
        FROM ctaudit.gap AS g
        WHERE g.node = p_node AND g.stream = (SELECT l.stream FROM latest AS l)
    ),
    recent AS (
        SELECT coalesce(g.gap_until, 'infinity') > now() AS is_open, g.proto IS NULL AS is_whole,
            tstzrange(
                greatest(g.gap_from, now() - interval '1 day'),
                least(coalesce(g.gap_until, 'infinity'), now())
            ) AS span
        FROM ctaudit.gap AS g
        WHERE g.node = p_node AND g.gap_from <= now()
            AND coalesce(g.gap_until, 'infinity') >= now() - interval '1 day'
    ),
    spans AS (
        SELECT count(*) FILTER (WHERE r.is_open) AS open_gaps,
            coalesce(range_agg(r.span) FILTER (WHERE r.is_whole), '{}') AS whole,
            coalesce(range_agg(r.span) FILTER (WHERE NOT r.is_whole), '{}') AS in_part
        FROM recent AS r
    )
    SELECT
        l.node, l.started_at,
        CASE WHEN l.stopped_at IS NULL THEN
            extract(epoch FROM clock_timestamp() - l.covered_until)::double precision END,
        l.received, l.stored, l.filtered, l.undecodable, l.dropped, o.kernel_drops, s.open_gaps,
        (SELECT coalesce(sum(extract(epoch FROM upper(p.span) - lower(p.span))), 0)
            FROM unnest(s.whole) AS p (span))::double precision,
        (SELECT coalesce(sum(extract(epoch FROM upper(p.span) - lower(p.span))), 0)
            FROM unnest(s.in_part - s.whole) AS p (span))::double precision,
        ctaudit.detail_time(l.detail, 'canary')
    FROM latest AS l CROSS JOIN of_stream AS o CROSS JOIN spans AS s;
$function$;
