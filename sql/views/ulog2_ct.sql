-- View: ctaudit.ulog2_ct
-- The connections with the columns and types of ulogd2's table of that name, so that its queries go
-- on (doc/pgsql-ulogd2.sql of ulogd 2.0.8). Each query is put on record (note_ulog2_ct): the
-- condition that calls it is evaluated once a query, before the first row.
--   ct_event     4 an ended connection, as its DESTROY; 1 one whose end is not recorded, as its NEW
--   unknown      as ulogd2 leaves them: times and ports NULL, counters and the mark 0; of ICMPv6
--                also type and code
--   flow_end_sec  NULL also of an end that was not observed
-- What ctaudit.record_aggregate stored is not shown: it has no client's port.
-- The two branches show ports as the index has them, so that a query for a port uses it.
-- Tables touched: inquiry (written); flow_row, opening_row (read)
CREATE OR REPLACE VIEW ctaudit.ulog2_ct AS
SELECT
    u._ct_id, u.oob_family,
    u.orig_ip_saddr_str, u.orig_ip_daddr_str, u.orig_ip_protocol, u.orig_l4_sport, u.orig_l4_dport,
    u.orig_raw_pktlen, u.orig_raw_pktcount,
    u.reply_ip_saddr_str, u.reply_ip_daddr_str, u.reply_ip_protocol,
    u.reply_l4_sport, u.reply_l4_dport, u.reply_raw_pktlen, u.reply_raw_pktcount,
    u.icmp_code, u.icmp_type, u.ct_mark,
    u.flow_start_sec, u.flow_start_usec, u.flow_end_sec, u.flow_end_usec, u.ct_event
FROM (
    SELECT
        r._ct_id, r.oob_family, r.orig_src AS orig_ip_saddr_str, r.orig_dst AS orig_ip_daddr_str,
        r.proto AS orig_ip_protocol, r.orig_sport AS orig_l4_sport, r.orig_dport AS orig_l4_dport,
        r.orig_bytes AS orig_raw_pktlen, r.orig_packets AS orig_raw_pktcount,
        r.reply_src AS reply_ip_saddr_str, r.reply_dst AS reply_ip_daddr_str,
        r.proto AS reply_ip_protocol,
        r.reply_sport AS reply_l4_sport, r.reply_dport AS reply_l4_dport,
        r.reply_bytes AS reply_raw_pktlen, r.reply_packets AS reply_raw_pktcount,
        NULL::smallint AS icmp_code, NULL::smallint AS icmp_type, r.mark AS ct_mark,
        r.start_sec AS flow_start_sec, r.start_usec AS flow_start_usec,
        r.end_sec AS flow_end_sec, r.end_usec AS flow_end_usec, r.ct_event
    FROM ctaudit.ulog2_ct_row AS r
    WHERE r.proto IN (6, 17, 33, 132, 136)
    UNION ALL
    SELECT
        r._ct_id, r.oob_family, r.orig_src, r.orig_dst, r.proto, NULL::integer, NULL::integer,
        r.orig_bytes, r.orig_packets, r.reply_src, r.reply_dst, r.proto,
        NULL::integer, NULL::integer, r.reply_bytes, r.reply_packets,
        CASE r.proto WHEN 1 THEN ctaudit.icmp_code(r.proto, r.orig_dport) END,
        CASE r.proto WHEN 1 THEN ctaudit.icmp_type(r.proto, r.orig_dport) END,
        r.mark, r.start_sec, r.start_usec, r.end_sec, r.end_usec, r.ct_event
    FROM ctaudit.ulog2_ct_row AS r
    WHERE r.proto NOT IN (6, 17, 33, 132, 136)
) AS u
WHERE (SELECT ctaudit.note_ulog2_ct());
