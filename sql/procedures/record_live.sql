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
-- Tables touched: batch, coverage, opening, flow, progress; by reconcile: dump, gap
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
SET plan_cache_mode = force_generic_plan
AS $procedure$
DECLARE
    v_batch ctaudit.batch;
BEGIN
    IF NOT ctaudit.advance(
        p_node, p_stream, p_from, p_until, p_covered_until,
        cardinality(p_kind), ctaudit.count_kinds(p_kind, '{1,3,4}')
    ) THEN
        RETURN;
    END IF;
    SELECT * INTO STRICT v_batch FROM ctaudit.batch AS b
    WHERE b.node = p_node AND b.stream = p_stream;
    IF 1 = ANY (p_kind) THEN
        INSERT INTO ctaudit.opening (
            received_at, started_at, started_after, started_source, ct_id, mark, zone,
            orig_zone, reply_zone, orig_sport, orig_dport, reply_sport, reply_dport, status,
            proto, state, orig_icmp_type, orig_icmp_code, reply_icmp_type, reply_icmp_code,
            node, orig_src, orig_dst, reply_src, reply_dst, helper, labels
        )
        SELECT
            e.received_at,
            coalesce(e.start_sent, e.event_at, e.received_at),
            CASE WHEN e.start_sent IS NULL AND e.event_at IS NULL
                THEN least(v_batch.sent_after, e.received_at) END,
            CASE WHEN e.start_sent IS NOT NULL THEN 'kernel'::ctaudit.time_source
                WHEN e.event_at IS NOT NULL THEN 'event' ELSE 'receiver' END,
            e.ct_id, e.mark, coalesce(e.zone, 0), e.orig_zone, e.reply_zone, e.orig_sport,
            e.orig_dport, e.reply_sport, e.reply_dport, e.status, e.proto, e.state,
            e.orig_icmp_type, e.orig_icmp_code, e.reply_icmp_type, e.reply_icmp_code, p_node,
            e.orig_src, e.orig_dst, e.reply_src, e.reply_dst, e.helper, e.labels
        FROM (
            SELECT
                unnest(p_kind) AS kind, unnest(p_received_at) AS received_at,
                unnest(p_event_at) AS event_at, unnest(p_start_sent) AS start_sent,
                unnest(p_zone) AS zone, unnest(p_orig_zone) AS orig_zone,
                unnest(p_reply_zone) AS reply_zone, unnest(p_proto) AS proto,
                unnest(p_orig_src) AS orig_src, unnest(p_orig_dst) AS orig_dst,
                unnest(p_orig_sport) AS orig_sport, unnest(p_orig_dport) AS orig_dport,
                unnest(p_reply_src) AS reply_src, unnest(p_reply_dst) AS reply_dst,
                unnest(p_reply_sport) AS reply_sport, unnest(p_reply_dport) AS reply_dport,
                unnest(p_orig_icmp_type) AS orig_icmp_type,
                unnest(p_orig_icmp_code) AS orig_icmp_code,
                unnest(p_reply_icmp_type) AS reply_icmp_type,
                unnest(p_reply_icmp_code) AS reply_icmp_code, unnest(p_ct_id) AS ct_id,
                unnest(p_mark) AS mark, unnest(p_status) AS status, unnest(p_state) AS state,
                unnest(p_helper) AS helper, unnest(p_labels) AS labels
        ) AS e
        WHERE e.kind = 1;
    END IF;
    IF 3 = ANY (p_kind) AND v_batch.detail ->> 'reliable' = 'true' THEN
        -- The kernel tells an end until it is heard, an opening only once. The opening stands
        -- in the index near the start that the end tells; an hour is allowed for the reading.
        INSERT INTO ctaudit.opening (
            received_at, started_at, started_source, provenance, ct_id, mark, zone, orig_zone,
            reply_zone, orig_sport, orig_dport, reply_sport, reply_dport, status, proto, state,
            orig_icmp_type, orig_icmp_code, reply_icmp_type, reply_icmp_code, node, orig_src,
            orig_dst, reply_src, reply_dst, helper, labels
        )
        SELECT
            e.received_at, coalesce(e.start_sent, e.received_at),
            CASE WHEN e.start_sent IS NOT NULL THEN 'kernel' ELSE 'receiver' END
                ::ctaudit.time_source,
            'late', e.ct_id, e.mark, coalesce(e.zone, 0), e.orig_zone, e.reply_zone,
            e.orig_sport, e.orig_dport, e.reply_sport, e.reply_dport, e.status, e.proto, e.state,
            e.orig_icmp_type, e.orig_icmp_code, e.reply_icmp_type, e.reply_icmp_code, p_node,
            e.orig_src, e.orig_dst, e.reply_src, e.reply_dst, e.helper, e.labels
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
                unnest(p_reply_icmp_code) AS reply_icmp_code, unnest(p_ct_id) AS ct_id,
                unnest(p_mark) AS mark, unnest(p_status) AS status, unnest(p_state) AS state,
                unnest(p_helper) AS helper, unnest(p_labels) AS labels
        ) AS e
        WHERE e.kind = 3 AND NOT EXISTS (
            SELECT FROM ctaudit.opening AS o
            WHERE o.reply_dst = e.reply_dst
                AND (o.reply_dport = e.reply_dport
                    OR o.reply_dport IS NULL AND e.reply_dport IS NULL)
                AND o.started_at >= coalesce(e.start_sent - interval '1 ms', '-infinity')
                AND o.started_at <= coalesce(e.start_sent + interval '1 hour', 'infinity')
                AND o.received_at >= coalesce(e.start_sent - interval '1 day', '-infinity')
                AND o.node = p_node AND o.zone = coalesce(e.zone, 0) AND o.proto = e.proto
                AND o.orig_src = e.orig_src AND o.orig_dst = e.orig_dst
                AND coalesce(o.orig_sport, -1) = coalesce(e.orig_sport, -1)
                AND coalesce(o.orig_dport, -1) = coalesce(e.orig_dport, -1)
                AND coalesce(o.ct_id, -1) = coalesce(e.ct_id, -1)
                AND ctaudit.closes(
                    o.received_at, o.started_at, o.started_source, o.started_after,
                    e.received_at, e.start_sent
                )
        );
    END IF;
    IF 3 = ANY (p_kind) THEN
        INSERT INTO ctaudit.flow (
            received_at, started_at, ended_at, stop_sent, started_source, ended_source,
            ended_cause, orig_packets, orig_bytes, reply_packets, reply_bytes, ct_id, mark,
            zone, orig_zone, reply_zone, orig_sport, orig_dport, reply_sport, reply_dport,
            status, proto, state, orig_icmp_type, orig_icmp_code, reply_icmp_type,
            reply_icmp_code, node, orig_src, orig_dst, reply_src, reply_dst, helper, labels
        )
        SELECT
            e.received_at,
            e.start_sent,
            CASE WHEN e.stop_sent < e.start_sent THEN NULL
                ELSE coalesce(e.stop_sent, e.event_at, e.received_at) END,
            CASE WHEN e.stop_sent < e.start_sent THEN e.stop_sent END,
            CASE WHEN e.start_sent IS NOT NULL THEN 'kernel'::ctaudit.time_source END,
            CASE WHEN e.stop_sent < e.start_sent THEN NULL
                WHEN e.stop_sent IS NOT NULL THEN 'kernel'::ctaudit.time_source
                WHEN e.event_at IS NOT NULL THEN 'event' ELSE 'receiver' END,
            CASE WHEN e.stop_sent < e.start_sent THEN 'stop before start: the clock went back' END,
            e.orig_packets, e.orig_bytes, e.reply_packets, e.reply_bytes, e.ct_id, e.mark,
            coalesce(e.zone, 0), e.orig_zone, e.reply_zone, e.orig_sport, e.orig_dport,
            e.reply_sport, e.reply_dport, e.status, e.proto, e.state, e.orig_icmp_type,
            e.orig_icmp_code, e.reply_icmp_type, e.reply_icmp_code, p_node, e.orig_src,
            e.orig_dst, e.reply_src, e.reply_dst, e.helper, e.labels
        FROM (
            SELECT
                unnest(p_kind) AS kind, unnest(p_received_at) AS received_at,
                unnest(p_event_at) AS event_at, unnest(p_start_sent) AS start_sent,
                unnest(p_stop_sent) AS stop_sent, unnest(p_zone) AS zone,
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
        WHERE e.kind = 3;
    END IF;
    IF 4 = ANY (p_kind) THEN
        INSERT INTO ctaudit.progress (
            received_at, started_at, dump_id, orig_packets, orig_bytes, reply_packets,
            reply_bytes, ct_id, mark, zone, orig_zone, reply_zone, orig_sport, orig_dport,
            reply_sport, reply_dport, status, proto, state, orig_icmp_type, orig_icmp_code,
            reply_icmp_type, reply_icmp_code, node, orig_src, orig_dst, reply_src, reply_dst,
            helper, labels
        )
        SELECT
            e.received_at, e.start_sent, v_batch.dump_id,
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
    END IF;
    IF v_batch.pending_dump_id IS NOT NULL THEN
        PERFORM ctaudit.reconcile(p_node, p_stream);
    END IF;
END
$procedure$;
