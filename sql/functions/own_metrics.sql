-- Function: ctaudit.own_metrics
-- The numbers of `ctaudit metrics`, for a gateway that asks about itself.
-- Parameters: p_node   its name, or one that it had
-- Returns: as ctaudit.metrics; no row: it has no stream
-- Errors: CT005 as ctaudit.refuse_foreign
-- Tables touched: node, node_change, node_login, stream, gap (read)
CREATE OR REPLACE FUNCTION ctaudit.own_metrics(p_node text)
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
LANGUAGE plpgsql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    RETURN QUERY SELECT * FROM ctaudit.measure_node(ctaudit.own_node_named(p_node));
END
$function$;
