-- Function: ctaudit.insert_ends
-- Inserts the ends of a batch as flows.
-- Parameters:
--   p_node_id   whose events
--   p_columns   the batch; other kinds of event in it are ignored
-- Returns: nothing
-- Tables touched: flow_row
CREATE OR REPLACE FUNCTION ctaudit.insert_ends(
    p_node_id smallint,
    p_columns ctaudit.event_columns
)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
AS $function$
BEGIN
    INSERT INTO ctaudit.flow_row (
        received_at, started_at, ended_at, stop_sent, orig_packets, orig_bytes, reply_packets,
        reply_bytes, ct_id, mark, zones, orig_sport, orig_dport,
        reply_sport, reply_dport, status, node_id, proto, state, started_source,
        ended_source, orig_src, orig_dst, reply_src, reply_dst, helper, labels, ended_cause
    )
    SELECT
        e.received_at,
        e.start_sent,
        CASE WHEN e.stop_sent < e.start_sent THEN NULL
            ELSE coalesce(e.stop_sent, e.event_at, e.received_at) END,
        CASE WHEN e.stop_sent < e.start_sent THEN e.stop_sent END,
        e.orig_packets, e.orig_bytes, e.reply_packets, e.reply_bytes,
        coalesce(e.ct_id, -1), nullif(e.mark, 0),
        ctaudit.zone_pair(e.zone, e.orig_zone, e.reply_zone),
        coalesce(e.orig_sport, -1),
        ctaudit.coded_port(e.orig_dport, e.orig_icmp_type, e.orig_icmp_code),
        ctaudit.coded_port(e.reply_sport, e.reply_icmp_type, e.reply_icmp_code),
        coalesce(e.reply_dport, -1), e.status, p_node_id, e.proto, e.state,
        CASE WHEN e.start_sent IS NOT NULL THEN 'k'::"char" END,
        CASE WHEN e.stop_sent < e.start_sent THEN NULL
            WHEN e.stop_sent IS NOT NULL THEN 'k'::"char"
            WHEN e.event_at IS NOT NULL THEN 'e' ELSE 'r' END,
        e.orig_src, e.orig_dst, e.reply_src, e.reply_dst, e.helper, e.labels,
        CASE WHEN e.stop_sent < e.start_sent THEN 'stop before start: the clock went back' END
    FROM ctaudit.events(p_columns) AS e
    WHERE e.kind = 3;
END
$function$;
