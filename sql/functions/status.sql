-- Function: ctaudit.status
-- What the database knows of each stream.
-- Parameters: none
-- Returns: one row a stream, the latest first. received = stored + filtered + set_aside holds
--   at any moment. Neither dropped (at the spool's bound) nor kernel_drops (for want of receive
--   buffer) were ever among the received. covered_from is NULL while there is no
--   coverage. lag: how far the record is behind the clock; NULL once the stream has stopped.
-- Tables touched: batch, gap (read)
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
    set_aside bigint,
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
        b.node, b.stream, b.mode, b.started_at, b.stopped_at, b.committed_at, b.position,
        b.covered_from, b.covered_until,
        CASE WHEN b.stopped_at IS NULL THEN clock_timestamp() - b.covered_until END,
        b.received, b.stored, b.filtered, b.set_aside, b.dropped,
        g.kernel_drops,
        g.gaps, g.open_gaps, b.detail
    FROM ctaudit.batch AS b
    CROSS JOIN LATERAL (
        SELECT count(*) AS gaps, count(*) FILTER (WHERE x.gap_until IS NULL) AS open_gaps,
            coalesce(sum((x.detail ->> 'undelivered')::bigint), 0)::bigint AS kernel_drops
        FROM ctaudit.gap AS x WHERE x.node = b.node AND x.stream = b.stream
    ) AS g
    ORDER BY b.node, b.started_at DESC;
$function$;
