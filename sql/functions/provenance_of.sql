-- Function: ctaudit.provenance_of
-- Parameters: p_code   the first letter of a ctaudit.provenance
-- Returns: the value
-- Tables touched: none
CREATE OR REPLACE FUNCTION ctaudit.provenance_of(
    p_code "char"
)
RETURNS ctaudit.provenance
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
RETURN CASE p_code
    WHEN 'e' THEN 'event'::ctaudit.provenance WHEN 'd' THEN 'dump'
    WHEN 'l' THEN 'late' WHEN 'u' THEN 'unobserved'
    WHEN 'i' THEN 'imported'
END;
