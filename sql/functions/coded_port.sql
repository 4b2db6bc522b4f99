-- Function: ctaudit.coded_port
-- What rows hold as the destination port of the orig tuple and the source port of the reply tuple:
-- of ICMP and ICMPv6, which have none, type and code in one number. They tell connections apart.
-- The server replaces a call by the expression below; it does so only while the function is
-- plain SQL without a SET clause.
-- Parameters: the port, NULL: none; the ICMP type and code, NULL: none
-- Returns: the port; type * 256 + code; -1: neither
-- Tables touched: none
CREATE OR REPLACE FUNCTION ctaudit.coded_port(
    p_port integer,
    p_icmp_type smallint,
    p_icmp_code smallint
)
RETURNS integer
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
RETURN coalesce(p_port, p_icmp_type * 256 + p_icmp_code, -1);
