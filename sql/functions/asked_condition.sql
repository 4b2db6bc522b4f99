-- Function: ctaudit.asked_condition
-- Parameters:
--   p_outward, p_inward   conditions on an r of opening_row, flow_row or dump_entry_row that
--                         make it an answer: by its reply tuple, or by its orig tuple, which
--                         counts except with source NAT alone: then it shows no public side
-- Returns: the condition for both
-- Tables touched: none
CREATE OR REPLACE FUNCTION ctaudit.asked_condition(p_outward text, p_inward text)
RETURNS text
LANGUAGE sql
IMMUTABLE
AS $function$
    SELECT ctaudit.translated_condition(p_outward, p_inward)
        || ' OR (r.status & 48) = 0 AND ' || p_inward;
$function$;
