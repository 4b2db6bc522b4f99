-- Function: ctaudit.insert_entries
-- Inserts the entries of a table dump that a batch holds. Most are of connections that are recorded
-- as open: they were in the dump before, or their opening was received since it began, and no end
-- has come. Each is looked up by index. The others are left to ctaudit.compare_entries: their
-- opening or end may still be under way.
-- Parameters:
--   p_node_id   whose events
--   p_dump_id   the dump that is running; NULL: none, or one that is not complete
--   p_columns   the batch; other kinds of event in it are ignored
-- Returns: nothing
-- Tables touched: dump_entry_row, unmatched_entry; opening_row, flow_row, dump, stream,
--   clock_doubt (read)
CREATE OR REPLACE FUNCTION ctaudit.insert_entries(
    p_node_id smallint,
    p_dump_id bigint,
    p_columns ctaudit.event_columns
)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
-- A partition that has no statistics yet is not to be read whole for each entry, nor once into a
-- hash table, which OFFSET 0 prevents.
SET enable_seqscan = off
SET enable_bitmapscan = off
SET jit = off
AS $function$
DECLARE
    v_added CONSTANT text := $query$
        INSERT INTO ctaudit.dump_entry_row (
            received_at, started_at, dump_id, orig_packets, orig_bytes, reply_packets, reply_bytes,
            ct_id, mark, zones, orig_sport, orig_dport,
            reply_sport, reply_dport, status, node_id, proto, state,
            orig_src, orig_dst, reply_src, reply_dst, helper, labels
        )
        SELECT
            e.received_at, e.start_sent, $3,
            e.orig_packets, e.orig_bytes, e.reply_packets, e.reply_bytes,
            coalesce(e.ct_id, -1), nullif(e.mark, 0),
            ctaudit.zone_pair(e.zone, e.orig_zone, e.reply_zone),
            coalesce(e.orig_sport, -1),
            ctaudit.coded_port(e.orig_dport, e.orig_icmp_type, e.orig_icmp_code),
            ctaudit.coded_port(e.reply_sport, e.reply_icmp_type, e.reply_icmp_code),
            coalesce(e.reply_dport, -1), e.status, $2, e.proto, e.state,
            e.orig_src, e.orig_dst, e.reply_src, e.reply_dst, e.helper, e.labels
        FROM ctaudit.events($1) AS e
        WHERE e.kind = 4
    $query$;
    v_dump record;
    v_earlier bigint;
    v_since record;
BEGIN
    SELECT d.node, d.began_at, s.mode, max(r.received_at) AS received_at INTO v_dump
    FROM ctaudit.dump AS d JOIN ctaudit.stream AS s USING (node, stream),
        unnest(p_columns.received_at) AS r (received_at)
    WHERE d.dump_id = p_dump_id AND s.mode <> 'history'
    GROUP BY d.node, d.began_at, s.mode;
    IF NOT FOUND THEN
        EXECUTE v_added USING p_columns, p_node_id, p_dump_id;
        RETURN;
    END IF;
    v_earlier := ctaudit.last_dump(v_dump.node, v_dump.began_at, true);
    v_since := ctaudit.recorded_since(v_dump.node, v_earlier, v_dump.received_at);
    EXECUTE 'WITH added AS (' || v_added || $query$ RETURNING *)
        INSERT INTO ctaudit.unmatched_entry
        SELECT e.* FROM added AS e
        WHERE NOT (
            EXISTS (
                SELECT FROM ctaudit.dump_entry_row AS r
                WHERE r.reply_dport = e.reply_dport AND r.reply_dst = e.reply_dst
                    AND r.dump_id = $4 AND r.node_id = $2 AND r.received_at BETWEEN $6 AND $7
                    AND ctaudit.same_tuple(
                        r.zones, r.proto, r.orig_src, r.orig_dst, r.orig_sport, r.orig_dport,
                        r.ct_id, e.zones, e.proto, e.orig_src, e.orig_dst, e.orig_sport,
                        e.orig_dport, e.ct_id
                    )
                    AND ctaudit.closes(
                        $5, r.started_at, 'kernel', NULL, e.received_at, e.started_at
                    )
                OFFSET 0
            )
            OR EXISTS (
                SELECT FROM ctaudit.opening_row AS r
                WHERE r.reply_dport = e.reply_dport AND r.reply_dst = e.reply_dst
                    AND r.node_id = $2
                    AND ctaudit.index_time(r.received_at) >= ctaudit.index_time($5)
                    AND r.received_at >= $5 AND r.received_at < $8
                    AND ctaudit.same_tuple(
                        r.zones, r.proto, r.orig_src, r.orig_dst, r.orig_sport, r.orig_dport,
                        r.ct_id, e.zones, e.proto, e.orig_src, e.orig_dst, e.orig_sport,
                        e.orig_dport, e.ct_id
                    )
                    AND ctaudit.closes(
                        coalesce(r.started_after, r.started_at), r.started_at,
                        ctaudit.time_source_of(r.started_source), r.started_after,
                        e.received_at, e.started_at
                    )
                OFFSET 0
            )
        )
        OR EXISTS (
            SELECT FROM ctaudit.flow_row AS r
            WHERE r.reply_dport = e.reply_dport AND r.reply_dst = e.reply_dst AND r.node_id = $2
                AND ctaudit.index_time(r.received_at) >= ctaudit.index_time($5)
                AND r.received_at >= $5 AND r.received_at < $8
                AND ctaudit.same_tuple(
                    r.zones, r.proto, r.orig_src, r.orig_dst, r.orig_sport, r.orig_dport,
                    r.ct_id, e.zones, e.proto, e.orig_src, e.orig_dst, e.orig_sport,
                    e.orig_dport, e.ct_id
                )
            OFFSET 0
        )
    $query$ USING p_columns, p_node_id, p_dump_id, v_earlier, v_since.began_at,
        v_since.entries_from, v_since.entries_until, v_since.received_until;
END
$function$;
