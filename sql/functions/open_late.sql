-- Function: ctaudit.open_late
-- In a reliable stream the kernel tells an end until it is heard, an opening only once: an end
-- whose opening never came gives the opening as well, of provenance 'late'.
-- Parameters: p_node; the batch's columns, as the record procedures have them
-- Returns: how many there were
-- Tables touched: opening
CREATE OR REPLACE FUNCTION ctaudit.open_late(
    p_node text,
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
    p_ct_id bigint[],
    p_mark bigint[],
    p_status integer[],
    p_state smallint[],
    p_helper text[],
    p_labels bytea[]
)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
-- The plan is made once a session, perhaps while the partitions are still empty.
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
AS $function$
DECLARE
    v_late bigint;
BEGIN
    -- The opening stands in the index near the start that the end tells; an hour is allowed for
    -- the reading.
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
    GET DIAGNOSTICS v_late = ROW_COUNT;
    RETURN v_late;
END
$function$;
