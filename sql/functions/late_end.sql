-- Function: ctaudit.late_end
-- Looks up the end of a connection that has none in the flows that ctaudit.ask has read.
-- Parameters:
--   p_connection   a connection without an end
--   p_since        flows received from this time on are searched
-- Returns: the connection, with its end if one was found
-- Tables touched: flow (read)
CREATE OR REPLACE FUNCTION ctaudit.late_end(
    p_connection ctaudit.connection,
    p_since timestamptz
)
RETURNS ctaudit.connection
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_flow ctaudit.flow;
BEGIN
    SELECT * INTO v_flow FROM ctaudit.flow AS f
    WHERE f.reply_dst = p_connection.reply_dst
        AND (f.reply_dport = p_connection.reply_dport
            OR f.reply_dport IS NULL AND p_connection.reply_dport IS NULL)
        AND f.received_at >= p_since
        AND f.node = p_connection.node
        AND ctaudit.same_tuple(
            f.zone, f.proto, f.orig_src, f.orig_dst, f.orig_sport, f.orig_dport, f.ct_id,
            p_connection.zone, p_connection.proto, p_connection.orig_src, p_connection.orig_dst,
            p_connection.orig_sport, p_connection.orig_dport, p_connection.ct_id
        )
        AND ctaudit.closes(
            p_connection.last_seen_at, p_connection.started_at, p_connection.started_source,
            p_connection.started_after, f.received_at, f.started_at
        )
    ORDER BY f.provenance = 'unobserved', f.received_at
    LIMIT 1;
    IF NOT FOUND THEN
        RETURN p_connection;
    END IF;
    p_connection.state := CASE v_flow.provenance WHEN 'unobserved' THEN 'unobserved'
        ELSE 'ended' END;
    p_connection.exact := p_connection.exact OR p_connection.started_at IS NOT NULL;
    p_connection.started_source := CASE WHEN v_flow.started_at IS NULL
        THEN p_connection.started_source ELSE v_flow.started_source END;
    p_connection.started_at := coalesce(v_flow.started_at, p_connection.started_at);
    p_connection.ended_at := v_flow.ended_at;
    p_connection.ended_source := v_flow.ended_source;
    p_connection.ended_after := v_flow.ended_after;
    p_connection.ended_before := v_flow.ended_before;
    p_connection.ended_cause := v_flow.ended_cause;
    p_connection.provenance := v_flow.provenance;
    p_connection.orig_packets := v_flow.orig_packets;
    p_connection.orig_bytes := v_flow.orig_bytes;
    p_connection.reply_packets := v_flow.reply_packets;
    p_connection.reply_bytes := v_flow.reply_bytes;
    p_connection.status := v_flow.status;
    p_connection.protocol_state := v_flow.state;
    RETURN p_connection;
END
$function$;
