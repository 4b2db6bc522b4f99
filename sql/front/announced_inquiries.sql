-- By the numbers that ctaudit.latest_inquiries has.
@signature announced_inquiries
LANGUAGE sql
VOLATILE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET client_min_messages = warning
SET jit = off
AS $function$
    SELECT i.inquiry_id
    FROM ctaudit.told_inquiries('front_latest_inquiries', jsonb_build_object(
        'p_login', session_user::text, 'p_everybody', 'true',
        'p_announcement', p_announcement::text
    )) AS t, LATERAL (SELECT (t.inquiry).*) AS i
    ORDER BY 1;
$function$;
