-- Function: ctaudit.insert_openings
-- Inserts the openings of a batch.
-- Parameters:
--   p_node         whose events
--   p_sent_after   the kernel sent all events of the batch after this time
--   p_columns      the batch; other kinds of event in it are ignored
-- Returns: nothing
-- Tables touched: opening
CREATE OR REPLACE FUNCTION ctaudit.insert_openings(
    p_node text,
    p_sent_after timestamptz,
    p_columns ctaudit.event_columns
)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
AS $function$
BEGIN
    INSERT INTO ctaudit.opening (
        received_at, started_at, started_after, started_source, ct_id, mark, zone,
        orig_zone, reply_zone, orig_sport, orig_dport, reply_sport, reply_dport, status,
        proto, state, orig_icmp_type, orig_icmp_code, reply_icmp_type, reply_icmp_code,
        node, orig_src, orig_dst, reply_src, reply_dst, helper, labels
    )
    SELECT
        e.received_at,
        coalesce(e.start_sent, e.event_at, e.received_at),
        CASE WHEN e.start_sent IS NULL AND e.event_at IS NULL
            THEN least(p_sent_after, e.received_at) END,
        CASE WHEN e.start_sent IS NOT NULL THEN 'kernel'::ctaudit.time_source
            WHEN e.event_at IS NOT NULL THEN 'event' ELSE 'receiver' END,
        e.ct_id, e.mark, coalesce(e.zone, 0), e.orig_zone, e.reply_zone, e.orig_sport,
        e.orig_dport, e.reply_sport, e.reply_dport, e.status, e.proto, e.state,
        e.orig_icmp_type, e.orig_icmp_code, e.reply_icmp_type, e.reply_icmp_code, p_node,
        e.orig_src, e.orig_dst, e.reply_src, e.reply_dst, e.helper, e.labels
    FROM ctaudit.events(p_columns) AS e
    WHERE e.kind = 1;
END
$function$;
