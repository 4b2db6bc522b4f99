-- Function: ctaudit.plain_address
-- An address as rows have it: without a netmask, and IPv4 for an IPv4-mapped IPv6 address.
-- Parameters: p_address
-- Returns: the address
-- Tables touched: none
CREATE OR REPLACE FUNCTION ctaudit.plain_address(p_address inet)
RETURNS inet
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
RETURN CASE
    WHEN family(p_address) = 6 AND p_address <<= inet '::ffff:0:0/96'
        THEN inet '0.0.0.0' + (inet(host(p_address)) - inet '::ffff:0:0')
    ELSE inet(host(p_address))
END;
