-- Function: ctaudit.start_from
-- The earliest time at which a connection may have begun, by what a row knows of its start.
--   kernel     then (CTA_TIMESTAMP_START)
--   event      then: it is the time of the first event that the kernel kept back, for TCP before
--              the start, by as long as a queue holds the first packet; 1 ms is allowed
--   receiver   p_after; 0.1 s is allowed from the kernel's stamp to the sending
--   ulogd2     1 s earlier: its own clock is later than the start by as long as an event waited
--   dump, or nothing is known   any time
-- The server replaces a call by the expression below; it does so only while the function is
-- plain SQL without a SET clause.
-- Parameters: the row's started_at, started_source, started_after
-- Returns: the bound
-- Tables touched: none
CREATE OR REPLACE FUNCTION ctaudit.start_from(
    p_started_at timestamptz,
    p_source ctaudit.time_source,
    p_after timestamptz
)
RETURNS timestamptz
LANGUAGE sql
STABLE
PARALLEL SAFE
RETURN CASE
    WHEN p_started_at IS NULL THEN '-infinity'
    WHEN p_source = 'kernel' THEN p_started_at
    WHEN p_source = 'event' THEN p_started_at - interval '1 ms'
    WHEN p_source = 'ulogd2' THEN p_started_at - interval '1 s'
    WHEN p_source = 'receiver' THEN coalesce(p_after - interval '0.1 s', '-infinity')
    ELSE '-infinity'
END;
