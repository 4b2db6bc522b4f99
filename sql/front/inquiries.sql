@signature inquiries
LANGUAGE sql
VOLATILE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET DateStyle = 'ISO, YMD'
SET client_min_messages = warning
SET jit = off
AS $function$
    SELECT i.*
    FROM ctaudit.told_inquiries('front_inquiries', jsonb_build_object(
        'p_case', p_case, 'p_from', p_from::text, 'p_until', p_until::text,
        'p_address', p_address::text
    )) AS t, LATERAL (SELECT (t.inquiry).*) AS i
    WHERE (
            t.is_through_front AND i.asked_by = session_user
            OR pg_has_role(session_user, 'ctaudit_supervisor', 'MEMBER')
            OR pg_has_role(session_user, 'ctaudit_owner', 'MEMBER')
        )
        AND (p_by IS NULL OR p_by IN (i.asked_by, i.on_behalf_of))
    ORDER BY i.asked_at, i.inquiry_id;
$function$;
