-- Function: ctaudit.announced_inquiries
-- Parameters: p_announcement   as ctaudit.set_purpose was given it
-- Returns: the inquiries that the caller announced with it, in the order of asking
-- Tables touched: inquiry (read)
CREATE OR REPLACE FUNCTION ctaudit.announced_inquiries(p_announcement uuid)
RETURNS SETOF bigint
LANGUAGE sql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT q.inquiry_id FROM ctaudit.inquiry AS q
    WHERE q.announcement = p_announcement AND q.asked_by = session_user
    ORDER BY q.inquiry_id;
$function$;
