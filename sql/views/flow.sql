-- View: ctaudit.flow
-- Ended connections, with the names and values of ctaudit.event in place of the row's codes.
-- Tables touched: node, flow_row (read)
CREATE OR REPLACE VIEW ctaudit.flow AS
SELECT
    r.received_at, r.started_at, r.ended_at, r.stop_sent, r.ended_after, r.ended_before,
    ctaudit.time_source_of(r.started_source) AS started_source,
    ctaudit.time_source_of(r.ended_source) AS ended_source,
    ctaudit.provenance_of(r.provenance) AS provenance,
    r.orig_packets, r.orig_bytes, r.reply_packets, r.reply_bytes,
    nullif(r.ct_id, -1) AS ct_id, r.mark,
    ctaudit.zone(r.zones) AS zone, ctaudit.orig_zone(r.zones) AS orig_zone,
    ctaudit.reply_zone(r.zones) AS reply_zone,
    nullif(r.orig_sport, -1) AS orig_sport, ctaudit.port(r.proto, r.orig_dport) AS orig_dport,
    ctaudit.port(r.proto, r.reply_sport) AS reply_sport, nullif(r.reply_dport, -1) AS reply_dport,
    r.status, r.proto, r.state,
    ctaudit.icmp_type(r.proto, r.orig_dport) AS orig_icmp_type,
    ctaudit.icmp_code(r.proto, r.orig_dport) AS orig_icmp_code,
    ctaudit.icmp_type(r.proto, r.reply_sport) AS reply_icmp_type,
    ctaudit.icmp_code(r.proto, r.reply_sport) AS reply_icmp_code,
    (SELECT n.node FROM ctaudit.node AS n WHERE n.node_id = r.node_id) AS node,
    r.orig_src, r.orig_dst, r.reply_src, r.reply_dst, r.helper, r.labels, r.ended_cause
FROM ctaudit.flow_row AS r;
