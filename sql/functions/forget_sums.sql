-- Function: ctaudit.forget_sums
-- Called for a batch of a stream that is hours behind. Where days have been summed
-- (ctaudit.sum_day) in which the kernel sent these events, as when the spool of an earlier machine
-- is recorded late, the sums lack them: ctaudit.traffic counts the rows of these days again, until
-- the next maintenance has summed them anew. Until then their summed_at is -infinity.
-- Parameters: p_node_id; p_sent_after   the kernel sent the events no earlier; p_columns   the events
-- Returns: nothing
-- Tables touched: summed_day
CREATE OR REPLACE FUNCTION ctaudit.forget_sums(
    p_node_id smallint,
    p_sent_after timestamptz,
    p_columns ctaudit.event_columns
)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET TimeZone = 'UTC'
AS $function$
BEGIN
    -- ctaudit.sum_day waits until two hours after the day are recorded.
    IF cardinality(p_columns.kind) > 0 AND EXISTS (
        SELECT FROM ctaudit.summed_day AS d
        WHERE d.node_id = p_node_id AND d.day > (p_sent_after - interval '26 hours')::date
    ) THEN
        UPDATE ctaudit.summed_day AS d SET summed_at = '-infinity'
        WHERE d.node_id = p_node_id AND d.day >= (
            SELECT min(least(e.start_sent, e.event_at, e.received_at))::date
            FROM ctaudit.events(p_columns) AS e
        );
    END IF;
END
$function$;
