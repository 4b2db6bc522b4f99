-- Function: ctaudit.insert_entries
-- Inserts the entries of a table dump that a batch holds.
-- Parameters:
--   p_node      whose events
--   p_dump_id   the dump that is running; NULL: none, or one that is not complete
--   p_columns   the batch; other kinds of event in it are ignored
-- Returns: nothing
-- Tables touched: dump_entry
CREATE OR REPLACE FUNCTION ctaudit.insert_entries(
    p_node text,
    p_dump_id bigint,
    p_columns ctaudit.event_columns
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
    FROM ctaudit.events(p_columns) AS e
    WHERE e.kind = 4;
END
$function$;
