-- Function: ctaudit.insert_entries
-- Inserts the entries of a table dump that a batch holds. When the dump has ended they are compared
-- with what is recorded as open (ctaudit.compare_entries).
-- Parameters:
--   p_node_id   whose events
--   p_dump_id   the dump that is running; NULL: none, or one that is not complete
--   p_columns   the batch; other kinds of event in it are ignored
-- Returns: nothing
-- Tables touched: dump_entry_row
CREATE OR REPLACE FUNCTION ctaudit.insert_entries(
    p_node_id smallint,
    p_dump_id bigint,
    p_columns ctaudit.event_columns
)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
AS $function$
BEGIN
    INSERT INTO ctaudit.dump_entry_row (
        received_at, started_at, dump_id, orig_packets, orig_bytes, reply_packets, reply_bytes,
        ct_id, mark, zones, orig_sport, orig_dport,
        reply_sport, reply_dport, status, node_id, proto, state,
        orig_src, orig_dst, reply_src, reply_dst, helper, labels
    )
    SELECT
        e.received_at, e.start_sent, p_dump_id,
        e.orig_packets, e.orig_bytes, e.reply_packets, e.reply_bytes,
        coalesce(e.ct_id, -1), nullif(e.mark, 0),
        ctaudit.zone_pair(e.zone, e.orig_zone, e.reply_zone),
        coalesce(e.orig_sport, -1),
        ctaudit.coded_port(e.orig_dport, e.orig_icmp_type, e.orig_icmp_code),
        ctaudit.coded_port(e.reply_sport, e.reply_icmp_type, e.reply_icmp_code),
        coalesce(e.reply_dport, -1), e.status, p_node_id, e.proto, e.state,
        e.orig_src, e.orig_dst, e.reply_src, e.reply_dst, e.helper, e.labels
    FROM ctaudit.events(p_columns) AS e
    WHERE e.kind = 4;
END
$function$;
