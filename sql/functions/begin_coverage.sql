-- Function: ctaudit.begin_coverage
-- Begins a coverage span of a stream.
-- Parameters:
--   p_node, p_stream       whose stream
--   p_at                   when the span begins
--   p_openings, p_ends     what it covers
-- Returns: nothing
-- Tables touched: stream, coverage
CREATE OR REPLACE FUNCTION ctaudit.begin_coverage(
    p_node text,
    p_stream uuid,
    p_at timestamptz,
    p_openings boolean,
    p_ends boolean
)
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $function$
    INSERT INTO ctaudit.coverage AS c (
        node, stream, covered_from, covered_until, openings, ends
    ) VALUES (p_node, p_stream, p_at, p_at, p_openings, p_ends)
    ON CONFLICT (node, stream, covered_from) DO UPDATE SET
        openings = c.openings OR excluded.openings, ends = c.ends OR excluded.ends;
    UPDATE ctaudit.stream AS s SET covered_from = p_at
    WHERE s.node = p_node AND s.stream = p_stream;
$function$;
