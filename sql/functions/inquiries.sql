-- Function: ctaudit.inquiries
-- The questions on record: to a supervisor or the owner all of them, to another login its own.
-- Parameters: NULL: any
--   p_case            the reference of the case
--   p_by              the login that asked, or the person for whom a front end asked
--   p_from, p_until   asked in [p_from, p_until)
--   p_address         an address or a network that was asked about: public, internal or remote
-- Returns: one row a question, in the order of asking. What was asked before schema version 2 has
--   no answered_at
-- Tables touched: inquiry, inquiry_answer (read)
CREATE OR REPLACE FUNCTION ctaudit.inquiries(
    p_case text DEFAULT NULL,
    p_by text DEFAULT NULL,
    p_from timestamptz DEFAULT NULL,
    p_until timestamptz DEFAULT NULL,
    p_address inet DEFAULT NULL
)
RETURNS SETOF ctaudit.told_inquiry
LANGUAGE plpgsql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- What is asked for differs from call to call, and with it the index.
SET plan_cache_mode = force_custom_plan
AS $function$
BEGIN
    RETURN QUERY
    SELECT t.*
    FROM ctaudit.inquiry AS q
    LEFT JOIN ctaudit.inquiry_answer AS a ON a.inquiry_id = q.inquiry_id
    CROSS JOIN LATERAL ctaudit.told_inquiry(q, a) AS t
    WHERE (
            q.asked_by = session_user OR pg_has_role(session_user, 'ctaudit_supervisor', 'MEMBER')
            OR pg_has_role(session_user, 'ctaudit_owner', 'MEMBER')
        )
        AND (p_case IS NULL OR q.case_reference = p_case)
        AND (p_by IS NULL OR p_by IN (q.asked_by, q.on_behalf_of))
        AND (p_from IS NULL OR q.asked_at >= p_from)
        AND (p_until IS NULL OR q.asked_at < p_until)
        AND ctaudit.is_about(q.arguments, p_address)
    ORDER BY q.inquiry_id;
END
$function$;
