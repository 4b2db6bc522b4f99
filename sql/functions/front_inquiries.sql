-- Function: ctaudit.front_inquiries
-- As ctaudit.inquiries, for a front: with what is equal in each store that was asked the question.
-- Parameters: as those of ctaudit.inquiries
-- Returns: inquiry: as that returns it; login: who asks now; shared: of a question that a front put
--   on record; NULL: no front did
-- Tables touched: inquiry, inquiry_answer, inquiry_call (read)
CREATE OR REPLACE FUNCTION ctaudit.front_inquiries(
    p_case text DEFAULT NULL,
    p_by text DEFAULT NULL,
    p_from timestamptz DEFAULT NULL,
    p_until timestamptz DEFAULT NULL,
    p_address inet DEFAULT NULL
)
RETURNS TABLE (inquiry ctaudit.told_inquiry, login text, shared text)
LANGUAGE sql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT i, session_user::text, c.number || '/' || c.place
    FROM ctaudit.inquiries(p_case, p_by, p_from, p_until, p_address) AS i
    -- By the index for each: what is asked for is few of them as a rule.
    LEFT JOIN LATERAL (
        SELECT k.number, k.place FROM ctaudit.inquiry_call AS k
        WHERE k.inquiry_id = i.inquiry_id OFFSET 0
    ) AS c ON true;
$function$;
