-- Function: ctaudit.has_address
-- Parameters: p_connection   as an object; p_question   as ctaudit.question_arguments
-- Returns: whether the asked address is on the public side of the connection, and not nearer to the
--   host
-- Tables touched: none
CREATE OR REPLACE FUNCTION ctaudit.has_address(p_connection jsonb, p_question jsonb)
RETURNS boolean
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
RETURN ctaudit.plain_address((p_question ->> 'p_address')::inet) = (CASE
    WHEN p_connection ->> 'direction' = 'inward' THEN p_connection ->> 'orig_dst'
    ELSE p_connection ->> 'reply_dst' END)::inet;
