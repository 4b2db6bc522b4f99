-- Function: ctaudit.metrics
-- The numbers of `ctaudit metrics`, of each gateway that is not gone. It shows no connection.
-- Parameters: none
-- Returns: one row per node, by name.
--   started_at   when its latest stream began. The counts are those of that stream, as in
--                ctaudit.status: received, stored, filtered, undecodable, dropped, kernel_drops
--   lag          seconds that covered_until is behind the clock; NULL: the stream has stopped
--   open_gaps    gaps of the node that are not over
--   uncovered    seconds of the last 24 hours that lie in its gaps
--   uncovered_in_part   the same of gaps in which only events of one protocol may be missing,
--                where they are in no other gap
--   canary_at    when the last canary was sent that was found (ctaudit.set_canary); NULL: none of
--                this stream
-- Tables touched: node, stream, gap (read)
CREATE OR REPLACE FUNCTION ctaudit.metrics()
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
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT m.*
    FROM ctaudit.node AS n CROSS JOIN LATERAL ctaudit.measure_node(n.node) AS m
    WHERE ctaudit.gone_at(n) IS NULL
    ORDER BY n.node;
$function$;
