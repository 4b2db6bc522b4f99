-- Function: ctaudit.late_end
-- Looks for the end of a connection that outlived the ends a question read.
-- Parameters:
--   p_connection      one without an end
--   p_since           ends received before this were read
--   p_from, p_until   the asked span
-- Returns: the connection, with its end if one is recorded; NULL where that end shows that it
--   was not alive in the span
-- Tables touched: flow_row, node (read)
CREATE OR REPLACE FUNCTION ctaudit.late_end(
    p_connection ctaudit.connection,
    p_since timestamptz,
    p_from timestamptz,
    p_until timestamptz
)
RETURNS ctaudit.connection
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    c ctaudit.connection := p_connection;
    v_flow ctaudit.flow_row;
    v_before timestamptz;
BEGIN
    SELECT f.* INTO v_flow
    FROM ctaudit.flow_row AS f
    WHERE f.reply_dport = coalesce(c.reply_dport, -1) AND f.reply_dst = c.reply_dst
        AND f.received_at >= p_since
        AND f.node_id = (SELECT n.node_id FROM ctaudit.node AS n WHERE n.node = c.node)
        AND ctaudit.same_tuple(
            f.zones, f.proto, f.orig_src, f.orig_dst, f.orig_sport, f.orig_dport, f.ct_id,
            ctaudit.zone_pair(c.zone, c.orig_zone, c.reply_zone), c.proto, c.orig_src, c.orig_dst,
            coalesce(c.orig_sport, -1),
            ctaudit.coded_port(c.orig_dport, c.orig_icmp_type, c.orig_icmp_code),
            coalesce(c.ct_id, -1)
        )
        AND ctaudit.closes(
            coalesce(c.last_seen_at, c.started_at), c.started_at, c.started_source, c.started_after,
            f.received_at, f.started_at
        )
    ORDER BY f.provenance = 'u', f.received_at
    LIMIT 1;
    IF NOT FOUND THEN
        RETURN c;
    END IF;
    -- The end brings the kernel's start, or an end before the span: then it is no answer.
    IF v_flow.started_at >= p_until
        OR coalesce(v_flow.ended_at, v_flow.ended_before) < p_from
    THEN
        RETURN NULL;
    END IF;
    IF v_flow.started_at IS NOT NULL THEN
        c.started_at := v_flow.started_at;
        c.started_source := ctaudit.time_source_of(v_flow.started_source);
        c.started_after := NULL;
    END IF;
    v_before := coalesce(
        CASE v_flow.ended_source WHEN 'k' THEN v_flow.ended_at END, v_flow.ended_after
    );
    c.exact := c.exact OR coalesce(
        c.started_source = 'kernel' AND c.started_at < p_until
            AND (c.started_at >= p_from OR v_before >= p_from), false
    );
    c.state := CASE v_flow.provenance WHEN 'u' THEN 'unobserved' ELSE 'ended' END;
    c.ended_at := v_flow.ended_at;
    c.ended_source := ctaudit.time_source_of(v_flow.ended_source);
    c.ended_after := v_flow.ended_after;
    c.ended_before := v_flow.ended_before;
    c.ended_cause := v_flow.ended_cause;
    c.provenance := ctaudit.provenance_of(v_flow.provenance);
    c.orig_packets := v_flow.orig_packets;
    c.orig_bytes := v_flow.orig_bytes;
    c.reply_packets := v_flow.reply_packets;
    c.reply_bytes := v_flow.reply_bytes;
    c.status := v_flow.status;
    c.protocol_state := v_flow.state;
    RETURN c;
END
$function$;
