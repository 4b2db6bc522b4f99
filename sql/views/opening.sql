-- View: ctaudit.opening
-- Openings, with the names and values of ctaudit.event in place of the row's codes.
-- Tables touched: node, opening_row (read)
CREATE OR REPLACE VIEW ctaudit.opening AS
SELECT
    r.received_at, r.started_at, r.started_after,
    ctaudit.time_source_of(r.started_source) AS started_source,
    ctaudit.provenance_of(r.provenance) AS provenance,
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
    r.orig_src, r.orig_dst, r.reply_src, r.reply_dst, r.helper, r.labels
FROM ctaudit.opening_row AS r;
