-- Function: ctaudit.insert_ends
-- Inserts the ends of a batch as flows.
-- Parameters:
--   p_node      whose events
--   p_columns   the batch; other kinds of event in it are ignored
-- Returns: nothing
-- Tables touched: flow
CREATE OR REPLACE FUNCTION ctaudit.insert_ends(
    p_node text,
    p_columns ctaudit.event_columns
)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
AS $function$
BEGIN
    INSERT INTO ctaudit.flow (
        received_at, started_at, ended_at, stop_sent, started_source, ended_source,
        ended_cause, orig_packets, orig_bytes, reply_packets, reply_bytes, ct_id, mark,
        zone, orig_zone, reply_zone, orig_sport, orig_dport, reply_sport, reply_dport,
        status, proto, state, orig_icmp_type, orig_icmp_code, reply_icmp_type,
        reply_icmp_code, node, orig_src, orig_dst, reply_src, reply_dst, helper, labels
    )
    SELECT
        e.received_at,
        e.start_sent,
        CASE WHEN e.stop_sent < e.start_sent THEN NULL
            ELSE coalesce(e.stop_sent, e.event_at, e.received_at) END,
        CASE WHEN e.stop_sent < e.start_sent THEN e.stop_sent END,
        CASE WHEN e.start_sent IS NOT NULL THEN 'kernel'::ctaudit.time_source END,
        CASE WHEN e.stop_sent < e.start_sent THEN NULL
            WHEN e.stop_sent IS NOT NULL THEN 'kernel'::ctaudit.time_source
            WHEN e.event_at IS NOT NULL THEN 'event' ELSE 'receiver' END,
        CASE WHEN e.stop_sent < e.start_sent THEN 'stop before start: the clock went back' END,
        e.orig_packets, e.orig_bytes, e.reply_packets, e.reply_bytes, e.ct_id, e.mark,
        coalesce(e.zone, 0), e.orig_zone, e.reply_zone, e.orig_sport, e.orig_dport,
        e.reply_sport, e.reply_dport, e.status, e.proto, e.state, e.orig_icmp_type,
        e.orig_icmp_code, e.reply_icmp_type, e.reply_icmp_code, p_node, e.orig_src,
        e.orig_dst, e.reply_src, e.reply_dst, e.helper, e.labels
    FROM ctaudit.events(p_columns) AS e
    WHERE e.kind = 3;
END
$function$;
