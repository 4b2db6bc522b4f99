-- Procedure: ctaudit.record_live
-- Records openings, ends and the entries of dumps; UPDATE is filtered. In a reliable stream an
-- end whose opening never came gives the opening as well, of provenance 'late'.
-- Parameters:
--   p_node, p_stream            whose stream
--   p_from, p_until             its bytes [p_from, p_until) that this batch holds; exactly once:
--                               a batch that is committed already does nothing
--   p_covered_until             all that the kernel sent before this stands before p_until, or NULL
--   p_kind ...                  one array a column, equally long, or empty where all are NULL;
--                               1 NEW, 2 UPDATE, 3 DESTROY, 4 DUMP (an entry of a table dump)
-- Errors: CT001 the position does not fit, CT002 the stream is not known.
-- Tables touched: stream, coverage, opening, flow, dump_entry; by reconcile: dump, gap
CREATE OR REPLACE PROCEDURE ctaudit.record_live(
    p_node text,
    p_stream uuid,
    p_from bigint,
    p_until bigint,
    p_covered_until timestamptz,
    p_kind smallint[],
    p_received_at timestamptz[],
    p_event_at timestamptz[],
    p_start_sent timestamptz[],
    p_stop_sent timestamptz[],
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
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $procedure$
DECLARE
    v_stream_row ctaudit.stream;
BEGIN
    IF NOT ctaudit.advance(
        p_node, p_stream, p_from, p_until, p_covered_until,
        cardinality(p_kind), ctaudit.count_kinds(p_kind, '{1,3,4}')
    ) THEN
        RETURN;
    END IF;
    SELECT * INTO STRICT v_stream_row FROM ctaudit.stream AS s
    WHERE s.node = p_node AND s.stream = p_stream;
    IF 1 = ANY (p_kind) THEN
        PERFORM ctaudit.insert_openings(
            p_node, v_stream_row.sent_after, p_kind, p_received_at, p_event_at, p_start_sent, p_zone,
            p_orig_zone, p_reply_zone, p_proto, p_orig_src, p_orig_dst, p_orig_sport, p_orig_dport,
            p_reply_src, p_reply_dst, p_reply_sport, p_reply_dport, p_orig_icmp_type,
            p_orig_icmp_code, p_reply_icmp_type, p_reply_icmp_code, p_ct_id, p_mark, p_status,
            p_state, p_helper, p_labels
        );
    END IF;
    IF 3 = ANY (p_kind) AND v_stream_row.detail ->> 'reliable' = 'true' THEN
        PERFORM ctaudit.open_late(
            p_node, p_kind, p_received_at, p_start_sent, p_zone, p_orig_zone, p_reply_zone, p_proto,
            p_orig_src, p_orig_dst, p_orig_sport, p_orig_dport, p_reply_src, p_reply_dst,
            p_reply_sport, p_reply_dport, p_orig_icmp_type, p_orig_icmp_code, p_reply_icmp_type,
            p_reply_icmp_code, p_ct_id, p_mark, p_status, p_state, p_helper, p_labels
        );
    END IF;
    IF 3 = ANY (p_kind) THEN
        PERFORM ctaudit.insert_ends(
            p_node, p_kind, p_received_at, p_event_at, p_start_sent, p_stop_sent, p_zone,
            p_orig_zone, p_reply_zone, p_proto, p_orig_src, p_orig_dst, p_orig_sport, p_orig_dport,
            p_reply_src, p_reply_dst, p_reply_sport, p_reply_dport, p_orig_icmp_type,
            p_orig_icmp_code, p_reply_icmp_type, p_reply_icmp_code, p_orig_packets, p_orig_bytes,
            p_reply_packets, p_reply_bytes, p_ct_id, p_mark, p_status, p_state, p_helper, p_labels
        );
    END IF;
    IF 4 = ANY (p_kind) THEN
        PERFORM ctaudit.insert_entries(
            p_node, v_stream_row.dump_id, p_kind, p_received_at, p_start_sent, p_zone, p_orig_zone,
            p_reply_zone, p_proto, p_orig_src, p_orig_dst, p_orig_sport, p_orig_dport, p_reply_src,
            p_reply_dst, p_reply_sport, p_reply_dport, p_orig_icmp_type, p_orig_icmp_code,
            p_reply_icmp_type, p_reply_icmp_code, p_orig_packets, p_orig_bytes, p_reply_packets,
            p_reply_bytes, p_ct_id, p_mark, p_status, p_state, p_helper, p_labels
        );
    END IF;
    IF v_stream_row.pending_dump_id IS NOT NULL THEN
        PERFORM ctaudit.reconcile(p_node, p_stream);
    END IF;
END
$procedure$;
