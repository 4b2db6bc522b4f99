-- Function: ctaudit.ended_by
-- Parameters:
--   p_connection      one without an end
--   p_flow            the row of its end
--   p_from, p_until   the asked span
-- Returns: the connection with that end; NULL where the end shows that it was not alive in the
--   span
-- Tables touched: none
CREATE OR REPLACE FUNCTION ctaudit.ended_by(
    p_connection ctaudit.connection,
    p_flow ctaudit.flow_row,
    p_from timestamptz,
    p_until timestamptz
)
RETURNS ctaudit.connection
LANGUAGE plpgsql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    c ctaudit.connection := p_connection;
    v_before timestamptz;
BEGIN
    -- The end brings the kernel's start, or an end before the span: then it is no answer.
    IF p_flow.started_at >= p_until
        OR coalesce(p_flow.ended_at, p_flow.ended_before) < p_from
    THEN
        RETURN NULL;
    END IF;
    IF p_flow.started_at IS NOT NULL THEN
        c.started_at := p_flow.started_at;
        c.started_source := ctaudit.time_source_of(p_flow.started_source);
        c.started_after := NULL;
    END IF;
    v_before := coalesce(
        CASE p_flow.ended_source WHEN 'k' THEN p_flow.ended_at END, p_flow.ended_after
    );
    c.exact := c.exact OR coalesce(
        c.started_source = 'kernel' AND c.started_at < p_until
            AND (c.started_at >= p_from OR v_before >= p_from), false
    );
    c.state := CASE p_flow.provenance WHEN 'u' THEN 'unobserved' ELSE 'ended' END;
    c.ended_at := p_flow.ended_at;
    c.ended_source := ctaudit.time_source_of(p_flow.ended_source);
    c.ended_after := p_flow.ended_after;
    c.ended_before := p_flow.ended_before;
    c.ended_cause := p_flow.ended_cause;
    c.provenance := ctaudit.provenance_of(p_flow.provenance);
    c.orig_packets := p_flow.orig_packets;
    c.orig_bytes := p_flow.orig_bytes;
    c.reply_packets := p_flow.reply_packets;
    c.reply_bytes := p_flow.reply_bytes;
    c.status := p_flow.status;
    c.protocol_state := p_flow.state;
    RETURN c;
END
$function$;
