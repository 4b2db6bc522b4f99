-- View: ctaudit.ulog2_ct_row
-- What ctaudit.ulog2_ct shows, for its two branches: ended connections, and the openings of those
-- whose end is not recorded. Nobody may read it.
--   _ct_id   when the row was received, in microseconds since 1970: it ascends, and is no key
-- Tables touched: flow_row, opening_row (read)
CREATE OR REPLACE VIEW ctaudit.ulog2_ct_row AS
SELECT
    (extract(epoch FROM c.received_at) * 1000000)::bigint AS _ct_id,
    CASE family(c.orig_src) WHEN 4 THEN 2 ELSE 10 END::smallint AS oob_family,
    c.proto, c.orig_src, c.orig_dst, c.orig_sport, c.orig_dport,
    c.reply_src, c.reply_dst, c.reply_sport, c.reply_dport,
    coalesce(c.orig_packets, 0) AS orig_packets, coalesce(c.orig_bytes, 0) AS orig_bytes,
    coalesce(c.reply_packets, 0) AS reply_packets, coalesce(c.reply_bytes, 0) AS reply_bytes,
    coalesce(c.mark, 0) AS mark,
    floor(extract(epoch FROM c.started_at))::bigint AS start_sec,
    extract(microseconds FROM c.started_at)::bigint % 1000000 AS start_usec,
    floor(extract(epoch FROM c.ended_at))::bigint AS end_sec,
    extract(microseconds FROM c.ended_at)::bigint % 1000000 AS end_usec,
    c.ct_event
FROM (
    SELECT
        r.received_at, r.proto, r.orig_src, r.orig_dst, r.orig_sport, r.orig_dport,
        r.reply_src, r.reply_dst, r.reply_sport, r.reply_dport,
        r.orig_packets, r.orig_bytes, r.reply_packets, r.reply_bytes, r.mark,
        -- Without the kernel's stamps the start is that of the latest opening it may be the end of.
        coalesce(r.started_at, (
            SELECT o.started_at FROM ctaudit.opening_row AS o
            WHERE o.node_id = r.node_id AND o.received_at <= r.received_at
                AND o.reply_dport = r.reply_dport AND o.reply_dst = r.reply_dst
                AND ctaudit.same_tuple(
                    o.zones, o.proto, o.orig_src, o.orig_dst, o.orig_sport, o.orig_dport, o.ct_id,
                    r.zones, r.proto, r.orig_src, r.orig_dst, r.orig_sport, r.orig_dport, r.ct_id
                )
            ORDER BY o.received_at DESC LIMIT 1
        )) AS started_at,
        coalesce(r.ended_at, r.stop_sent) AS ended_at, 4::smallint AS ct_event
    FROM ctaudit.flow_row AS r
    UNION ALL
    SELECT
        r.received_at, r.proto, r.orig_src, r.orig_dst, r.orig_sport, r.orig_dport,
        r.reply_src, r.reply_dst, r.reply_sport, r.reply_dport,
        NULL::bigint, NULL::bigint, NULL::bigint, NULL::bigint, r.mark,
        r.started_at, NULL::timestamptz, 1::smallint
    FROM ctaudit.opening_row AS r
    WHERE NOT EXISTS (
        SELECT FROM ctaudit.flow_row AS f
        WHERE f.node_id = r.node_id
            AND f.reply_dport = r.reply_dport AND f.reply_dst = r.reply_dst
            AND ctaudit.same_tuple(
                f.zones, f.proto, f.orig_src, f.orig_dst, f.orig_sport, f.orig_dport, f.ct_id,
                r.zones, r.proto, r.orig_src, r.orig_dst, r.orig_sport, r.orig_dport, r.ct_id
            )
            AND ctaudit.closes(
                r.received_at, r.started_at, ctaudit.time_source_of(r.started_source),
                r.started_after, f.received_at, f.started_at
            )
    )
) AS c;
