-- Function: ctaudit.port
-- Parameters: p_proto   IP protocol number; p_coded   ctaudit.coded_port
-- Returns: the port, NULL where the protocol has none
-- Tables touched: none
CREATE OR REPLACE FUNCTION ctaudit.port(
    p_proto smallint,
    p_coded integer
)
RETURNS integer
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
RETURN CASE WHEN p_coded >= 0 AND p_proto NOT IN (1, 58) THEN p_coded END;
