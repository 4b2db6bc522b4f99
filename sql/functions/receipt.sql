-- Function: ctaudit.receipt
-- The last column of the index opening_receipt: received_at itself, but as an expression, which
-- serves nothing but what is asked for by it. The server replaces a call by the expression below,
-- which is that of the index.
-- Parameters: p_received_at
-- Returns: the same time
-- Tables touched: none
CREATE OR REPLACE FUNCTION ctaudit.receipt(p_received_at timestamptz)
RETURNS timestamptz
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
RETURN date_bin('1 us', p_received_at, '2000-01-01 00:00:00+00');
