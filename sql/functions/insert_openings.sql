-- Function: ctaudit.insert_openings
-- Inserts the openings of a batch.
-- Parameters:
--   p_node_id      whose events
--   p_sent_after   the kernel sent all events of the batch after this time
--   p_columns      the batch; other kinds of event in it are ignored
-- Returns: nothing
-- Tables touched: opening_row
CREATE OR REPLACE FUNCTION ctaudit.insert_openings(
    p_node_id smallint,
    p_sent_after timestamptz,
    p_columns ctaudit.event_columns
)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
AS $function$
BEGIN
    INSERT INTO ctaudit.opening_row (
        received_at, started_at, started_after, ct_id, mark, zones, orig_sport, orig_dport,
        reply_sport, reply_dport, status, node_id, proto, state, started_source,
        orig_src, orig_dst, reply_src, reply_dst, helper, labels
    )
    SELECT
        e.received_at,
        coalesce(e.start_sent, e.event_at, e.received_at),
        CASE WHEN e.start_sent IS NULL AND e.event_at IS NULL
            THEN least(p_sent_after, e.received_at) END,
        coalesce(e.ct_id, -1), nullif(e.mark, 0),
        ctaudit.zone_pair(e.zone, e.orig_zone, e.reply_zone),
        coalesce(e.orig_sport, -1),
        ctaudit.coded_port(e.orig_dport, e.orig_icmp_type, e.orig_icmp_code),
        ctaudit.coded_port(e.reply_sport, e.reply_icmp_type, e.reply_icmp_code),
        coalesce(e.reply_dport, -1), e.status, p_node_id, e.proto, e.state,
        CASE WHEN e.start_sent IS NOT NULL THEN 'k'::"char"
            WHEN e.event_at IS NOT NULL THEN 'e' ELSE 'r' END,
        e.orig_src, e.orig_dst, e.reply_src, e.reply_dst, e.helper, e.labels
    FROM ctaudit.events(p_columns) AS e
    WHERE e.kind = 1;
END
$function$;
