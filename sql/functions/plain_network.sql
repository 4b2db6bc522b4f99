-- Function: ctaudit.plain_network
-- Parameters: p_network   an address or a network, without host bits
-- Returns: it as rows have it: IPv4 for an IPv4-mapped IPv6 one
-- Tables touched: none
CREATE OR REPLACE FUNCTION ctaudit.plain_network(p_network inet)
RETURNS cidr
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
RETURN CASE
    WHEN family(p_network) = 6 AND p_network <<= inet '::ffff:0:0/96'
        THEN network(set_masklen(ctaudit.plain_address(p_network), masklen(p_network) - 96))
    ELSE network(p_network)
END;
