-- Function: ctaudit.is_behind
-- Whether a recorder that sends a batch has more to send: the batch is large and what it covers is
-- not of the last two seconds. Where the gateway's clock is ahead of the server's it is never behind,
-- where it is slow each large batch is.
-- Parameters:
--   p_events          how many events the batch has
--   p_covered_until   all that the kernel sent before this time is recorded with it
-- Returns: true where it is
-- Tables touched: none
CREATE OR REPLACE FUNCTION ctaudit.is_behind(p_events bigint, p_covered_until timestamptz)
RETURNS boolean
LANGUAGE sql
VOLATILE
RETURN p_events >= 500 AND p_covered_until < clock_timestamp() - interval '2 s';
