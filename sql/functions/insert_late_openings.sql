-- Function: ctaudit.insert_late_openings
-- Inserts an opening of provenance 'late' for each end of a batch whose opening is not recorded.
-- In a reliable stream the kernel repeats a DESTROY until it is delivered, but not a NEW.
-- Parameters:
--   p_node      whose events
--   p_columns   the batch
-- Returns: how many openings were inserted
-- Tables touched: opening
CREATE OR REPLACE FUNCTION ctaudit.insert_late_openings(
    p_node text,
    p_columns ctaudit.event_columns
)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
-- The plan is made once per session, perhaps while the partitions are still empty.
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
AS $function$
DECLARE
    v_late bigint;
BEGIN
    -- The index is searched from the start that the end gives. A receiver's time of the opening
    -- may be later than the start, by up to an hour.
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
    FROM ctaudit.events(p_columns) AS e
    WHERE e.kind = 3 AND NOT EXISTS (
        SELECT FROM ctaudit.opening AS o
        WHERE o.reply_dst = e.reply_dst
            AND (o.reply_dport = e.reply_dport
                OR o.reply_dport IS NULL AND e.reply_dport IS NULL)
            AND o.started_at >= coalesce(e.start_sent - interval '1 ms', '-infinity')
            AND o.started_at <= coalesce(e.start_sent + interval '1 hour', 'infinity')
            AND o.received_at >= coalesce(e.start_sent - interval '1 day', '-infinity')
            AND o.node = p_node
            AND ctaudit.same_tuple(
                o.zone, o.proto, o.orig_src, o.orig_dst, o.orig_sport, o.orig_dport, o.ct_id,
                coalesce(e.zone, 0), e.proto, e.orig_src, e.orig_dst, e.orig_sport, e.orig_dport,
                e.ct_id
            )
            AND ctaudit.closes(
                o.received_at, o.started_at, o.started_source, o.started_after,
                e.received_at, e.start_sent
            )
    );
    GET DIAGNOSTICS v_late = ROW_COUNT;
    RETURN v_late;
END
$function$;
