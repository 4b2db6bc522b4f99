@signature inquiries
LANGUAGE sql
VOLATILE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET client_min_messages = warning
SET jit = off
AS $function$
    SELECT
        t.inquiry_id, t.asked_at, t.asked_by, t.on_behalf_of, t.client, t.application,
        t.case_reference, t.reason, t.question, t.arguments, t.answers, t.answered_at
    FROM ctaudit.told_inquiries('front_inquiries', jsonb_build_object(
        'p_case', p_case, 'p_from', p_from::text, 'p_until', p_until::text,
        'p_address', p_address::text
    )) AS t
    WHERE (
            t.is_through_front AND t.asked_by = session_user
            OR pg_has_role(session_user, 'ctaudit_supervisor', 'MEMBER')
            OR pg_has_role(session_user, 'ctaudit_owner', 'MEMBER')
        )
        AND (p_by IS NULL OR p_by IN (t.asked_by, t.on_behalf_of))
    ORDER BY t.asked_at, t.inquiry_id;
$function$;
