-- Procedure: ctaudit.record_nat
-- Records openings and the entries of dumps; ends and UPDATE are filtered. In a reliable stream
-- an end without a recorded opening gives the opening, with provenance 'late'.
-- Parameters:
--   p_node to p_covered_until   as ctaudit.record_batch
--   p_kind to p_labels          the events, one array per column (ctaudit.event): equally long,
--                               or empty where all values are NULL
-- Errors: CT001, CT002 as ctaudit.advance; CT005 as ctaudit.refuse_foreign
-- Tables touched: stream, coverage, opening, dump_entry; by reconcile: dump; flow, gap (read)
CREATE OR REPLACE PROCEDURE ctaudit.record_nat(
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
BEGIN
    PERFORM ctaudit.record_batch(
        p_node, p_stream, p_from, p_until, p_covered_until, '{1,4}',
        ROW(
            p_kind, p_received_at, p_event_at, p_start_sent, p_stop_sent, p_zone, p_orig_zone,
            p_reply_zone, p_proto, p_orig_src, p_orig_dst, p_orig_sport, p_orig_dport, p_reply_src,
            p_reply_dst, p_reply_sport, p_reply_dport, p_orig_icmp_type, p_orig_icmp_code,
            p_reply_icmp_type, p_reply_icmp_code, p_orig_packets, p_orig_bytes, p_reply_packets,
            p_reply_bytes, p_ct_id, p_mark, p_status, p_state, p_helper, p_labels
        )
    );
END
$procedure$;
