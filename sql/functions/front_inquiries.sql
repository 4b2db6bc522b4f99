-- Function: ctaudit.front_inquiries
-- As ctaudit.inquiries, for a front: with what is equal in each store that was asked the question.
-- Parameters: as those of ctaudit.inquiries
-- Returns: its columns; login: who asks now; shared: of a question that a front put on record; NULL:
--   no front did
-- Tables touched: inquiry, inquiry_answer, inquiry_call (read)
CREATE OR REPLACE FUNCTION ctaudit.front_inquiries(
    p_case text DEFAULT NULL,
    p_by text DEFAULT NULL,
    p_from timestamptz DEFAULT NULL,
    p_until timestamptz DEFAULT NULL,
    p_address inet DEFAULT NULL
)
RETURNS TABLE (
    inquiry_id bigint,
    asked_at timestamptz,
    asked_by text,
    on_behalf_of text,
    client inet,
    application text,
    case_reference text,
    reason text,
    question text,
    arguments jsonb,
    answers bigint,
    answered_at timestamptz,
    login text,
    shared text
)
LANGUAGE sql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT i.*, session_user::text, c.number || '/' || c.place
    FROM ctaudit.inquiries(p_case, p_by, p_from, p_until, p_address) AS i
    LEFT JOIN ctaudit.inquiry_call AS c ON c.inquiry_id = i.inquiry_id;
$function$;
