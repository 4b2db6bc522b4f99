-- Function: ctaudit.status
-- What is recorded of each stream.
-- Parameters: none
-- Returns: one row per stream, by node, the latest stream first.
--   received, stored, filtered, undecodable   counts of events; at any moment
--                 received = stored + filtered + undecodable
--   dropped, kernel_drops   events lost before the recorder received them: discarded by the
--                 receiver because the spool was full, or by the kernel because the receive
--                 buffer was full
--   open_gaps     gaps that are not over
--   covered_from  NULL: there is no coverage now
--   lag           how far covered_until is behind the clock; NULL: the stream has stopped
--   retired_at    since when the node is gone; NULL: it is not
-- Tables touched: stream, gap, node (read)
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
    detail jsonb,
    retired_at timestamptz
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
        gap_counts.kernel_drops, gap_counts.gaps, gap_counts.open_gaps, s.detail,
        gone.gone_at
    FROM ctaudit.stream AS s
    CROSS JOIN LATERAL (
        SELECT count(*) AS gaps,
            count(*) FILTER (
                WHERE coalesce(g.gap_until, 'infinity') > now()
            ) AS open_gaps,
            coalesce(sum((g.detail ->> 'undelivered')::bigint), 0)::bigint AS kernel_drops
        FROM ctaudit.gap AS g WHERE g.node = s.node AND g.stream = s.stream
    ) AS gap_counts
    LEFT JOIN LATERAL (
        SELECT ctaudit.gone_at(n) FROM ctaudit.node AS n WHERE n.node = s.node
    ) AS gone (gone_at) ON true
    ORDER BY s.node, s.started_at DESC;
$function$;
