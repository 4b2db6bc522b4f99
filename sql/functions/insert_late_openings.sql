-- Function: ctaudit.insert_late_openings
-- Inserts an opening of provenance 'late' for each end of a batch whose opening is not recorded.
-- In a reliable stream the kernel repeats a DESTROY until it is delivered, but not a NEW.
-- Parameters:
--   p_node_id   whose events
--   p_columns   the batch
-- Returns: how many openings were inserted
-- Tables touched: opening_row
CREATE OR REPLACE FUNCTION ctaudit.insert_late_openings(
    p_node_id smallint,
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
    INSERT INTO ctaudit.opening_row (
        received_at, started_at, ct_id, mark, zones, orig_sport, orig_dport,
        reply_sport, reply_dport, status, node_id, proto, state, started_source,
        provenance, orig_src, orig_dst, reply_src, reply_dst, helper, labels
    )
    SELECT
        e.received_at, coalesce(e.start_sent, e.received_at),
        coalesce(e.ct_id, -1), nullif(e.mark, 0),
        ctaudit.zone_pair(e.zone, e.orig_zone, e.reply_zone),
        coalesce(e.orig_sport, -1),
        ctaudit.coded_port(e.orig_dport, e.orig_icmp_type, e.orig_icmp_code),
        ctaudit.coded_port(e.reply_sport, e.reply_icmp_type, e.reply_icmp_code),
        coalesce(e.reply_dport, -1), e.status, p_node_id, e.proto, e.state,
        CASE WHEN e.start_sent IS NOT NULL THEN 'k'::"char" ELSE 'r' END, 'l',
        e.orig_src, e.orig_dst, e.reply_src, e.reply_dst, e.helper, e.labels
    FROM ctaudit.events(p_columns) AS e
    WHERE e.kind = 3 AND NOT EXISTS (
        SELECT FROM ctaudit.opening_row AS o
        WHERE o.reply_dport = coalesce(e.reply_dport, -1) AND o.reply_dst = e.reply_dst
            AND o.started_at >= coalesce(e.start_sent - interval '1 ms', '-infinity')
            AND o.started_at <= coalesce(e.start_sent + interval '1 hour', 'infinity')
            AND o.received_at >= coalesce(e.start_sent - interval '1 day', '-infinity')
            AND o.node_id = p_node_id
            AND ctaudit.same_tuple(
                o.zones, o.proto, o.orig_src, o.orig_dst, o.orig_sport, o.orig_dport, o.ct_id,
                ctaudit.zone_pair(e.zone, e.orig_zone, e.reply_zone), e.proto, e.orig_src,
                e.orig_dst, coalesce(e.orig_sport, -1),
                ctaudit.coded_port(e.orig_dport, e.orig_icmp_type, e.orig_icmp_code),
                coalesce(e.ct_id, -1)
            )
            AND ctaudit.closes(
                o.received_at, o.started_at, ctaudit.time_source_of(o.started_source),
                o.started_after, e.received_at, e.start_sent
            )
    );
    GET DIAGNOSTICS v_late = ROW_COUNT;
    RETURN v_late;
END
$function$;
