-- Function: ctaudit.status
-- What the database knows of each stream.
-- Parameters: none
-- Returns: one row a stream, the latest first. received = stored + filtered + undecodable holds
--   at any moment. Neither dropped (at the spool's bound) nor kernel_drops (for want of receive
--   buffer) were ever among the received. covered_from is NULL while there is no
--   coverage. lag: how far the record is behind the clock; NULL once the stream has stopped.
-- Tables touched: stream, gap (read)
CREATE OR REPLACE FUNCTION ctaudit.status()
RETURNS TABLE (
    node text,
    stream uuid,
    mode text,
    started_at timestamptz,
    stopped_at timestamptz,
    committed_at timestamptz,
    "position" bigint,
    covered_from timestamptz,
    covered_until timestamptz,
    lag interval,
    received bigint,
    stored bigint,
    filtered bigint,
    undecodable bigint,
    dropped bigint,
    kernel_drops bigint,
    gaps bigint,
    open_gaps bigint,
    detail jsonb
)
LANGUAGE sql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT
        s.node, s.stream, s.mode, s.started_at, s.stopped_at, s.committed_at, s.position,
        s.covered_from, s.covered_until,
        CASE WHEN s.stopped_at IS NULL THEN clock_timestamp() - s.covered_until END,
        s.received, s.stored, s.filtered, s.undecodable, s.dropped,
        g.kernel_drops,
        g.gaps, g.open_gaps, s.detail
    FROM ctaudit.stream AS s
    CROSS JOIN LATERAL (
        SELECT count(*) AS gaps, count(*) FILTER (WHERE x.gap_until IS NULL) AS open_gaps,
            coalesce(sum((x.detail ->> 'undelivered')::bigint), 0)::bigint AS kernel_drops
        FROM ctaudit.gap AS x WHERE x.node = s.node AND x.stream = s.stream
    ) AS g
    ORDER BY s.node, s.started_at DESC;
$function$;
