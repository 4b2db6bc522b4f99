-- Function: ctaudit.icmp_code
-- Parameters: p_proto   IP protocol number; p_coded   ctaudit.coded_port
-- Returns: the code of ICMP or ICMPv6, else NULL
-- Tables touched: none
CREATE OR REPLACE FUNCTION ctaudit.icmp_code(
    p_proto smallint,
    p_coded integer
)
RETURNS smallint
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
RETURN CASE WHEN p_coded >= 0 AND p_proto IN (1, 58) THEN p_coded & 255 END::smallint;
