-- Function: ctaudit.closes
-- Whether a flow may be the end of a connection that was seen before, by its opening or by an
-- entry of a dump. The caller has made sure that both are of one node and that
-- ctaudit.same_tuple is true. Only this function decides it.
--
-- The kernel uses a tuple again, and a conntrack id as well, since it is a hash of the entry's
-- address and tuple. Two such connections differ in when they started. The start of the flow is
-- the kernel's, or unknown. The start of the connection that was seen is known
--   to 1 ms (source kernel or event): the time of an event was up to 19 us off the start;
--   to lie between started_after and started_at (source receiver), with a second allowed for
--     the time between the kernel's stamp and its sending of the event;
--   only as no later than started_at (source dump, or receiver without started_after).
-- Where both starts are known, they decide, even if the wall clock was stepped in between.
-- Otherwise the flow was received no earlier than the connection was seen.
--
-- Parameters:
--   p_seen_at           when it was seen: received_at of the opening, or the begin of the dump
--   p_started_at, p_source, p_after
--                       started_at, started_source, started_after of what was seen
--   p_flow_received_at, p_flow_started_at
--                       received_at, started_at of the flow
-- Returns: true: the flow may be the end; of several such flows the earliest is the end
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
