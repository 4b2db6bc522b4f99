-- Function: ctaudit.time_source_of
-- Parameters: p_code   the first letter of a ctaudit.time_source, NULL: none
-- Returns: the value
-- Tables touched: none
CREATE OR REPLACE FUNCTION ctaudit.time_source_of(
    p_code "char"
)
RETURNS ctaudit.time_source
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
RETURN CASE p_code
    WHEN 'k' THEN 'kernel'::ctaudit.time_source WHEN 'e' THEN 'event'
    WHEN 'r' THEN 'receiver' WHEN 'd' THEN 'dump'
    WHEN 'u' THEN 'ulogd2'
END;
