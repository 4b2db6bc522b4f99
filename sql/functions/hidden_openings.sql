-- Function: ctaudit.hidden_openings
-- When the connections that a batch ends may have begun without a recorded opening: the gaps of
-- their node that hide openings.
-- Parameters:
--   p_node      the node
--   p_columns   the batch
-- Returns: the gaps that touch the time from the earliest start of an end of the batch to its
--   receipt. An end without a start is taken to have begun after the last dump that was
--   reconciled began: what was there before is in that dump.
-- Tables touched: dump, gap (read)
CREATE OR REPLACE FUNCTION ctaudit.hidden_openings(p_node text, p_columns ctaudit.event_columns)
RETURNS tstzmultirange
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
    WITH ended AS (
        SELECT
            max(e.received_at) AS until,
            min(coalesce(e.start_sent, (
                SELECT d.began_at FROM ctaudit.dump AS d
                WHERE d.dump_id = ctaudit.last_dump(p_node, NULL, true)
            ), '-infinity')) AS since
        FROM unnest(p_columns.kind, p_columns.received_at, p_columns.start_sent)
            AS e (kind, received_at, start_sent)
        WHERE e.kind = 3
    )
    SELECT coalesce(range_agg(tstzrange(g.gap_from, g.gap_until, '[]')), '{}')
    FROM ended
    JOIN ctaudit.gap AS g ON g.node = p_node AND g.gap_from <= ended.until
        AND coalesce(g.gap_until >= ended.since, true)
    WHERE g.hides_openings
$function$;
