-- Function: ctaudit.inquiries
-- The questions on record: to a supervisor or the owner all of them, to another login its own.
-- Parameters: NULL: any
--   p_case            the reference of the case
--   p_by              the login that asked, or the person for whom a front end asked
--   p_from, p_until   asked in [p_from, p_until)
--   p_address         an address or a network that was asked about: public, internal or remote
-- Returns: one row a question, in the order of asking. answers, answered_at NULL: it was not
--   answered, or the answer was rolled back; answers alone NULL: they were not counted. What was
--   asked before schema version 2 has no answered_at
-- Tables touched: inquiry, inquiry_answer (read)
CREATE OR REPLACE FUNCTION ctaudit.inquiries(
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
    answered_at timestamptz
)
LANGUAGE sql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT
        q.inquiry_id, q.asked_at, q.asked_by, q.on_behalf_of, q.client, q.application,
        q.case_reference, q.reason, q.question, q.arguments, coalesce(a.answers, q.answers),
        a.answered_at
    FROM ctaudit.inquiry AS q
    LEFT JOIN ctaudit.inquiry_answer AS a ON a.inquiry_id = q.inquiry_id
    WHERE (
            q.asked_by = session_user OR pg_has_role(session_user, 'ctaudit_supervisor', 'MEMBER')
            OR pg_has_role(session_user, 'ctaudit_owner', 'MEMBER')
        )
        AND (p_case IS NULL OR q.case_reference = p_case)
        AND (p_by IS NULL OR p_by IN (q.asked_by, q.on_behalf_of))
        AND q.asked_at >= coalesce(p_from, '-infinity')
        AND q.asked_at < coalesce(p_until, 'infinity')
        AND (p_address IS NULL OR EXISTS (
            SELECT FROM unnest(ARRAY['address', 'host', 'nat', 'remote']) AS k (key)
            WHERE (q.arguments ->> k.key)::inet && p_address
        ))
    ORDER BY q.inquiry_id;
$function$;
