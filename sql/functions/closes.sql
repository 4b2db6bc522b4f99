-- Function: ctaudit.closes
-- Whether a flow may be the end of a connection that was seen, given that both have the same
-- tuple and id (ctaudit.same_tuple): ctaudit.is_one for rows. The server replaces a call by the
-- expression below.
-- Parameters:
--   p_seen_at                       when it was received, or an earlier time when it was alive:
--                                   then an event is taken to be received within 2 s
--   p_started_at, p_source, p_after started_at, started_source, started_after of what was seen
--   p_flow_received_at, p_flow_started_at   of the flow
-- Returns: true where it may be
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
RETURN ctaudit.is_one(
    NULL, p_started_at, ctaudit.start_from(p_started_at, p_source, p_after),
    ctaudit.start_until(
        p_started_at, p_source, greatest(
            p_seen_at,
            p_started_at + CASE p_source WHEN 'event' THEN interval '2 s' ELSE interval '0' END
        )
    ), p_seen_at,
    NULL, p_flow_started_at, ctaudit.start_from(p_flow_started_at, 'kernel', NULL),
    ctaudit.start_until(p_flow_started_at, 'kernel', p_flow_received_at), p_flow_received_at
);
