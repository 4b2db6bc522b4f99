-- Function: ctaudit.start_until
-- The latest time at which a connection may have begun: the kernel's start, or the receiver's
-- time of it, where one is known, else when the row was received; after that 2 s where the clock
-- was stepped back in between.
-- The server replaces a call by the expression below, as that of ctaudit.start_from.
-- Parameters: the row's started_at, started_source, received_at
-- Returns: the bound
-- Tables touched: none
CREATE OR REPLACE FUNCTION ctaudit.start_until(
    p_started_at timestamptz,
    p_source ctaudit.time_source,
    p_received_at timestamptz
)
RETURNS timestamptz
LANGUAGE sql
STABLE
PARALLEL SAFE
RETURN CASE
    WHEN p_started_at IS NULL THEN p_received_at
    WHEN p_source <> 'event' THEN p_started_at
    WHEN p_received_at < p_started_at THEN p_started_at + interval '2 s'
    ELSE p_received_at
END;
