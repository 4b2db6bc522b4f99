-- Function: ctaudit.insert_entries
-- Stores a batch's entries of table dumps.
-- Parameters: p_node; p_dump_id   the running dump, NULL: outside of one;
--   the batch's columns, as the record procedures have them
-- Returns: nothing
-- Tables touched: dump_entry
CREATE OR REPLACE FUNCTION ctaudit.insert_entries(
    p_node text,
    p_dump_id bigint,
    p_kind smallint[],
    p_received_at timestamptz[],
    p_start_sent timestamptz[],
    p_zone integer[],
    p_orig_zone integer[],
    p_reply_zone integer[],
    p_proto smallint[],
    p_orig_src inet[],
    p_orig_dst inet[],
    p_orig_sport integer[],
    p_orig_dport integer[],
    p_reply_src inet[],
    p_reply_dst inet[],
    p_reply_sport integer[],
    p_reply_dport integer[],
    p_orig_icmp_type smallint[],
    p_orig_icmp_code smallint[],
    p_reply_icmp_type smallint[],
    p_reply_icmp_code smallint[],
    p_orig_packets bigint[],
    p_orig_bytes bigint[],
    p_reply_packets bigint[],
    p_reply_bytes bigint[],
    p_ct_id bigint[],
    p_mark bigint[],
    p_status integer[],
    p_state smallint[],
    p_helper text[],
    p_labels bytea[]
)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
AS $function$
BEGIN
    INSERT INTO ctaudit.dump_entry (
        received_at, started_at, dump_id, orig_packets, orig_bytes, reply_packets,
        reply_bytes, ct_id, mark, zone, orig_zone, reply_zone, orig_sport, orig_dport,
        reply_sport, reply_dport, status, proto, state, orig_icmp_type, orig_icmp_code,
        reply_icmp_type, reply_icmp_code, node, orig_src, orig_dst, reply_src, reply_dst,
        helper, labels
    )
    SELECT
        e.received_at, e.start_sent, p_dump_id,
        e.orig_packets, e.orig_bytes, e.reply_packets, e.reply_bytes, e.ct_id, e.mark,
        coalesce(e.zone, 0), e.orig_zone, e.reply_zone, e.orig_sport, e.orig_dport,
        e.reply_sport, e.reply_dport, e.status, e.proto, e.state, e.orig_icmp_type,
        e.orig_icmp_code, e.reply_icmp_type, e.reply_icmp_code, p_node, e.orig_src,
        e.orig_dst, e.reply_src, e.reply_dst, e.helper, e.labels
    FROM (
        SELECT
            unnest(p_kind) AS kind, unnest(p_received_at) AS received_at,
            unnest(p_start_sent) AS start_sent, unnest(p_zone) AS zone,
            unnest(p_orig_zone) AS orig_zone, unnest(p_reply_zone) AS reply_zone,
            unnest(p_proto) AS proto, unnest(p_orig_src) AS orig_src,
            unnest(p_orig_dst) AS orig_dst, unnest(p_orig_sport) AS orig_sport,
            unnest(p_orig_dport) AS orig_dport, unnest(p_reply_src) AS reply_src,
            unnest(p_reply_dst) AS reply_dst, unnest(p_reply_sport) AS reply_sport,
            unnest(p_reply_dport) AS reply_dport, unnest(p_orig_icmp_type) AS orig_icmp_type,
            unnest(p_orig_icmp_code) AS orig_icmp_code,
            unnest(p_reply_icmp_type) AS reply_icmp_type,
            unnest(p_reply_icmp_code) AS reply_icmp_code,
            unnest(p_orig_packets) AS orig_packets, unnest(p_orig_bytes) AS orig_bytes,
            unnest(p_reply_packets) AS reply_packets, unnest(p_reply_bytes) AS reply_bytes,
            unnest(p_ct_id) AS ct_id, unnest(p_mark) AS mark, unnest(p_status) AS status,
            unnest(p_state) AS state, unnest(p_helper) AS helper, unnest(p_labels) AS labels
    ) AS e
    WHERE e.kind = 4;
END
$function$;
