-- Function: ctaudit.nodes_of_day
-- Parameters: p_day   a UTC day
-- Returns: the nodes that recorded in it
-- Tables touched: node, stream (read)
CREATE OR REPLACE FUNCTION ctaudit.nodes_of_day(p_day date)
RETURNS SETOF ctaudit.node
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
SET TimeZone = 'UTC'
AS $function$
    SELECT n.* FROM ctaudit.node AS n
    WHERE EXISTS (
        SELECT FROM ctaudit.stream AS s
        WHERE s.node = n.node AND s.started_at < p_day + 1
            AND greatest(s.covered_until, s.stopped_at) >= p_day
    );
$function$;
