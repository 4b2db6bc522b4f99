-- Function: ctaudit.paired_nodes
-- The nodes whose openings of a day can be paired with their ends for certain: all of their streams
-- have the kernel's start of each connection, none records openings alone, and around the day no
-- clock was wrong and nothing was read late.
-- Parameters: p_day   a UTC day
-- Returns: their node_ids
-- Tables touched: node, stream, late_read, clock_doubt (read)
CREATE OR REPLACE FUNCTION ctaudit.paired_nodes(p_day date)
RETURNS smallint[]
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
SET TimeZone = 'UTC'
AS $function$
    SELECT coalesce(array_agg(n.node_id), '{}')
    FROM ctaudit.nodes_of_day(p_day) AS n
    WHERE NOT EXISTS (
        SELECT FROM ctaudit.stream AS s
        WHERE s.node = n.node
            AND (s.mode = 'nat' OR s.detail ->> 'timestamp' IS DISTINCT FROM '1')
    )
    AND NOT EXISTS (
        SELECT FROM ctaudit.late_read AS r
        WHERE r.node = n.node AND r.sent_from < p_day + 1 + interval '4 hours'
            AND r.read_at >= p_day - interval '4 hours'
    )
    AND NOT EXISTS (
        SELECT FROM ctaudit.clock_doubt AS k
        WHERE k.node = n.node
            AND least(k.doubt_from, k.at, k.at - k.step_seconds * interval '1 s')
                < p_day + 1 + interval '4 hours'
            AND greatest(k.doubt_until, k.at, k.at - k.step_seconds * interval '1 s')
                >= p_day - interval '4 hours'
    );
$function$;
