-- Function: ctaudit.closes
-- Whether a flow is the end of a connection that was seen (its opening, or an entry of a
-- dump), given that node, zone, protocol, ct_id and orig tuple are the same: the one place
-- where this is decided.
--
-- A conntrack id is a hash of the entry's address and tuple, so both id and tuple come again,
-- sometimes at once. What tells two such connections apart is when they started. The flow's
-- start is the kernel's or unknown; the start of what was seen is known
--   to 1 ms (kernel, event): the event's own time was seen up to 19 us off the start,
--   to lie between started_after and started_at (receiver); a second is allowed for the time
--     between the kernel's stamp and the sending,
--   only as "at or before" (dump, or a receiver's time without its lower bound).
-- Where both are known, they decide, whatever the wall clock did to received_at in between.
-- Otherwise an end is read no earlier than its beginning was seen.
--
-- Parameters:
--   p_seen_at                      the opening's received_at, or when the entry's dump began
--   p_started_at, p_source, p_after  started_at, started_source, started_after of what was seen
--   p_flow_received_at, p_flow_started_at  the flow's
-- Returns: true where the flow may be its end; of several, the earliest is
-- Tables touched: none
CREATE OR REPLACE FUNCTION ctaudit.closes(
    p_seen_at timestamptz,
    p_started_at timestamptz,
    p_source ctaudit.time_source,
    p_after timestamptz,
    p_flow_received_at timestamptz,
    p_flow_started_at timestamptz
)
RETURNS boolean
LANGUAGE sql
STABLE
PARALLEL SAFE
RETURN CASE
    WHEN p_flow_started_at IS NULL OR p_started_at IS NULL THEN
        p_flow_received_at >= p_seen_at
    WHEN p_source IN ('kernel', 'event') THEN
        p_flow_started_at BETWEEN p_started_at - interval '1 ms' AND p_started_at + interval '1 ms'
    WHEN p_source = 'receiver' AND p_after IS NOT NULL THEN
        p_flow_started_at BETWEEN p_after - interval '1 s' AND p_started_at + interval '1 ms'
    ELSE
        p_flow_received_at >= p_seen_at AND p_flow_started_at <= p_started_at + interval '1 ms'
END;
