-- Function: ctaudit.index_time
-- The last column of the indexes opening_reply and flow_reply: the three hours in which a row was
-- received. The server replaces a call by the expression below, which is that of the indexes.
-- Parameters: p_received_at
-- Returns: when they began; an infinite time as it is
-- Tables touched: none
CREATE OR REPLACE FUNCTION ctaudit.index_time(p_received_at timestamptz)
RETURNS timestamptz
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
RETURN date_bin('3 hours', p_received_at, '2000-01-01 00:00:00+00');
