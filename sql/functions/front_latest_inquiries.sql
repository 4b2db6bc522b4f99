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
-- What is asked for differs from call to call.
SET plan_cache_mode = force_custom_plan
AS $function$
    SELECT
        f.inquiry_id, f.asked_at, f.asked_by, f.on_behalf_of, f.client, f.application,
        f.case_reference, f.reason, f.question, f.arguments, coalesce(a.answers, f.answers),
        a.answered_at, session_user::text, c.number || '/' || c.place
    FROM (
        SELECT * FROM ctaudit.inquiry AS q
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
            AND (p_address IS NULL OR EXISTS (
                SELECT FROM unnest(ARRAY['address', 'host', 'nat', 'remote']) AS k (key)
                WHERE (q.arguments ->> k.key)::inet && p_address
            ))
        ORDER BY q.asked_at DESC, q.inquiry_id DESC
        LIMIT p_limit
    ) AS f
    LEFT JOIN ctaudit.inquiry_answer AS a ON a.inquiry_id = f.inquiry_id
    LEFT JOIN ctaudit.inquiry_call AS c ON c.inquiry_id = f.inquiry_id
    ORDER BY f.asked_at DESC, f.inquiry_id DESC;
$function$;
