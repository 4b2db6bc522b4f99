-- Function: ctaudit.elsewhere
-- When a gateway that has moved was recorded in another store (ctaudit.hand_over, ctaudit.take_over).
-- Parameters: p_node
-- Returns: spans of time; empty: it has not moved. Before the first time that it was taken over
--   they begin where its record here had ended, if it had one
-- Tables touched: stream (read)
CREATE OR REPLACE FUNCTION ctaudit.elsewhere(p_node text)
RETURNS tstzmultirange
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
    WITH move AS (
        SELECT m.at::timestamptz AS at, k.is_away
        FROM ctaudit.stream AS s
        CROSS JOIN LATERAL (
            VALUES (true, s.detail -> 'handed_at'), (false, s.detail -> 'taken_at')
        ) AS k (is_away, times)
        CROSS JOIN LATERAL jsonb_array_elements_text(k.times) AS m (at)
        WHERE s.node = p_node
    ),
    placed AS (
        SELECT
            m.*, lead(m.at) OVER in_order AS next_at, lag(m.at) OVER in_order AS earlier_at
        FROM move AS m
        WINDOW in_order AS (ORDER BY m.at, m.is_away DESC)
    )
    SELECT coalesce(range_agg(CASE
        WHEN p.is_away THEN tstzrange(p.at, p.next_at)
        ELSE tstzrange((
            SELECT max(greatest(s.started_at, s.covered_until, s.stopped_at))
            FROM ctaudit.stream AS s WHERE s.node = p_node AND s.started_at < p.at
        ), p.at)
    END), '{}')
    FROM placed AS p WHERE p.is_away OR p.earlier_at IS NULL;
$function$;
