-- Procedure: ctaudit.record_aggregate
-- Records ends and the entries of dumps, as ctaudit.record_history, for mode "history"; but similar
-- connections of a batch become one row (ctaudit.insert_aggregates): those that began after the
-- last table dump, so that none of its entries needs their end, without destination NAT, with
-- ports, and counted. The others become flows, and so does a canary, which is looked for by its ports
-- (ctaudit.canary). ctaudit.ask_aggregates answers for the rows.
-- The setting ctaudit.aggregate_bucket, of the recorder's login for instance, says within what
-- time connections begin that may be one row: '1 min' if it is not set.
-- Parameters:
--   p_node to p_covered_until   as ctaudit.record_batch
--   p_kind to p_labels          the events, one array per column (ctaudit.event): equally long,
--                               or empty where all values are NULL
-- Errors: CT001, CT002 as ctaudit.advance; CT005 as ctaudit.refuse_foreign
-- Tables touched: stream, aggregate_row, and those of ctaudit.record_batch; dump (read)
CREATE OR REPLACE PROCEDURE ctaudit.record_aggregate(
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
    v_columns ctaudit.event_columns := ROW(
        p_kind, p_received_at, p_event_at, p_start_sent, p_stop_sent, p_zone, p_orig_zone,
        p_reply_zone, p_proto, p_orig_src, p_orig_dst, p_orig_sport, p_orig_dport, p_reply_src,
        p_reply_dst, p_reply_sport, p_reply_dport, p_orig_icmp_type, p_orig_icmp_code,
        p_reply_icmp_type, p_reply_icmp_code, p_orig_packets, p_orig_bytes, p_reply_packets,
        p_reply_bytes, p_ct_id, p_mark, p_status, p_state, p_helper, p_labels
    );
    v_bucket interval := coalesce(
        nullif(current_setting('ctaudit.aggregate_bucket', true), ''), '1 min'
    );
    v_stream ctaudit.stream;
    v_shown_until timestamptz;
    v_stored bigint;
BEGIN
    p_node := ctaudit.own_node(p_node, p_stream);
    SELECT * INTO v_stream FROM ctaudit.stream AS s
    WHERE s.node = p_node AND s.stream = p_stream FOR NO KEY UPDATE;
    -- While a dump runs, and after one that was not completed, each end is a flow.
    SELECT CASE WHEN v_stream.dump_id IS NULL THEN d.ended_at END INTO v_shown_until
    FROM ctaudit.dump AS d
    WHERE d.node = p_node AND d.stream = p_stream ORDER BY d.position DESC LIMIT 1;
    v_columns.kind := ARRAY(
        SELECT CASE
            WHEN e.kind = 3 AND e.start_sent > v_shown_until AND e.stop_sent >= e.start_sent
                AND e.proto IN (6, 17, 33, 132, 136) AND coalesce(e.status, 0) & 32 = 0
                AND NOT ctaudit.is_offloaded(e.status) AND e.orig_bytes IS NOT NULL
                AND e.reply_bytes IS NOT NULL AND e.helper IS NULL
                AND e.orig_src <> '127.0.0.1' THEN 0
            ELSE e.kind
        END
        FROM ctaudit.events(v_columns) AS e
    );
    PERFORM ctaudit.record_batch(
        p_node, p_stream, p_from, p_until, p_covered_until, '{3,4}', v_columns
    );
    -- Otherwise the batch is committed already.
    IF v_stream.position = p_from THEN
        v_stored := ctaudit.insert_aggregates(v_stream.node_id, v_bucket, v_columns);
        UPDATE ctaudit.stream AS s SET
            stored = s.stored + v_stored, filtered = s.filtered - v_stored
        WHERE v_stored > 0 AND s.node = p_node AND s.stream = p_stream;
    END IF;
END
$procedure$;
