-- Function: ctaudit.front_latest_inquiries
-- The newest questions that a front asked for one of its logins, for ctaudit.latest_inquiries there.
-- Parameters: NULL: any
--   p_login          the login of the front
--   p_person         on whose behalf it asked; NULL: on nobody's
--   p_everybody      'true': on anybody's, p_person does not count
--   p_number         this inquiry alone
--   p_shared         what has this in common, as the column shared
--   p_announcement   what was announced with it
--   p_until          asked no later
--   p_case, p_from, p_address   as those of ctaudit.inquiries
--   p_limit          at most so many
-- Returns: as ctaudit.front_inquiries, the newest first
-- Tables touched: inquiry, inquiry_answer, inquiry_call (read)
CREATE OR REPLACE FUNCTION ctaudit.front_latest_inquiries(
    p_login text,
    p_person text DEFAULT NULL,
    p_everybody boolean DEFAULT false,
    p_number bigint DEFAULT NULL,
    p_shared text DEFAULT NULL,
    p_announcement uuid DEFAULT NULL,
    p_until timestamptz DEFAULT NULL,
    p_case text DEFAULT NULL,
    p_from timestamptz DEFAULT NULL,
    p_address inet DEFAULT NULL,
    p_limit integer DEFAULT 1000
)
RETURNS TABLE (inquiry ctaudit.told_inquiry, login text, shared text)
LANGUAGE plpgsql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- What is asked for differs from call to call, and with it the index.
SET plan_cache_mode = force_custom_plan
AS $function$
BEGIN
    RETURN QUERY
    SELECT t, session_user::text, c.number || '/' || c.place
    FROM (
        SELECT q FROM ctaudit.inquiry AS q
        WHERE q.asked_by = session_user
            AND CASE WHEN p_everybody THEN split_part(q.on_behalf_of, ' for ', 1) = p_login
                ELSE q.on_behalf_of = p_login || coalesce(' for ' || p_person, '') END
            AND (p_number IS NULL OR q.inquiry_id = p_number)
            AND (p_shared IS NULL OR q.inquiry_id IN (
                SELECT k.inquiry_id FROM ctaudit.inquiry_call AS k
                WHERE k.number = split_part(p_shared, '/', 1)::uuid
                    AND k.place = split_part(p_shared, '/', 2)::integer
            ))
            AND (p_announcement IS NULL OR q.announcement = p_announcement)
            AND (p_until IS NULL OR q.asked_at <= p_until)
            AND (p_case IS NULL OR q.case_reference = p_case)
            AND (p_from IS NULL OR q.asked_at >= p_from)
            AND ctaudit.is_about(q.arguments, p_address)
        ORDER BY q.asked_at DESC, q.inquiry_id DESC
        LIMIT p_limit
    ) AS f
    LEFT JOIN ctaudit.inquiry_answer AS a ON a.inquiry_id = (f.q).inquiry_id
    LEFT JOIN LATERAL (
        SELECT k.number, k.place FROM ctaudit.inquiry_call AS k
        WHERE k.inquiry_id = (f.q).inquiry_id OFFSET 0
    ) AS c ON true
    CROSS JOIN LATERAL ctaudit.told_inquiry(f.q, a) AS t
    ORDER BY t.asked_at DESC, t.inquiry_id DESC;
END
$function$;
