-- Function: ctaudit.is_settled
-- Whether a day may be closed: nothing of it is to come, and no reconciling reads it any more. Of
-- each node that recorded in it a complete dump that began later is reconciled, and two hours more
-- are recorded; or the node is gone.
-- Parameters: p_day   a UTC day
-- Returns: true where it may; false also where no node recorded in it
-- Tables touched: node, stream, dump, search, unmatched_entry (read)
CREATE OR REPLACE FUNCTION ctaudit.is_settled(p_day date)
RETURNS boolean
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
SET TimeZone = 'UTC'
AS $function$
    SELECT p_day + 1 <= now() AND coalesce(bool_and(
        ctaudit.gone_at(n) IS NOT NULL OR EXISTS (
            SELECT FROM ctaudit.dump AS d JOIN ctaudit.stream AS s ON s.node = d.node
            WHERE d.node = n.node AND d.began_at >= p_day + 1 AND d.reconciled_at IS NOT NULL
                AND s.covered_until >= d.ended_at + interval '2 hours'
        )
        -- An earlier stream that is still being recorded.
        AND NOT EXISTS (
            SELECT FROM ctaudit.stream AS s
            WHERE s.node = n.node AND s.stopped_at IS NULL
                AND s.started_at < p_day + 1 + interval '2 hours'
                AND s.covered_until < p_day + 1 + interval '2 hours'
        )
        AND NOT EXISTS (
            SELECT FROM ctaudit.search AS h
            JOIN ctaudit.dump AS d ON d.dump_id = h.dump_id
            LEFT JOIN ctaudit.dump AS e ON e.dump_id = h.since_dump_id
            WHERE d.node = n.node AND coalesce(e.began_at < p_day + 1, true)
        )
        AND NOT EXISTS (
            SELECT FROM ctaudit.unmatched_entry AS u JOIN ctaudit.dump AS d USING (dump_id)
            WHERE d.node = n.node AND d.began_at < p_day + 1
        )
    ), false)
    FROM ctaudit.nodes_of_day(p_day) AS n;
$function$;
