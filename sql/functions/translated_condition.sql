-- Function: ctaudit.translated_condition
-- Parameters: as those of ctaudit.asked_condition
-- Returns: its condition, for connections that were translated
-- Tables touched: none
CREATE OR REPLACE FUNCTION ctaudit.translated_condition(p_outward text, p_inward text)
RETURNS text
LANGUAGE sql
IMMUTABLE
AS $function$
    SELECT p_outward || ' OR (r.status & 32) <> 0 AND ' || p_inward;
$function$;
