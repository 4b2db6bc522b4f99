-- Function: ctaudit.latest_inquiries
-- The newest questions that the caller's login asked, for a page of them. Unlike ctaudit.inquiries
-- it is bounded in rows, and finds one by its number without reading the others.
-- Parameters: NULL: any
--   p_person      on whose behalf they were asked; NULL: on nobody's
--   p_everybody   true: on anybody's, p_person does not count
--   p_number      this inquiry alone
--   p_before      with a lower number than this
--   p_case, p_from, p_address   as those of ctaudit.inquiries
--   p_limit       at most so many, and at most 1,000
-- Returns: the columns of ctaudit.inquiries, the newest first
-- Tables touched: inquiry, inquiry_answer (read)
CREATE OR REPLACE FUNCTION ctaudit.latest_inquiries(
    p_person text,
    p_everybody boolean DEFAULT false,
    p_number bigint DEFAULT NULL,
    p_before bigint DEFAULT NULL,
    p_case text DEFAULT NULL,
    p_from timestamptz DEFAULT NULL,
    p_address inet DEFAULT NULL,
    p_limit integer DEFAULT 100
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
        f.inquiry_id, f.asked_at, f.asked_by, f.on_behalf_of, f.client, f.application,
        f.case_reference, f.reason, f.question, f.arguments, coalesce(a.answers, f.answers),
        a.answered_at
    FROM (
        SELECT * FROM ctaudit.inquiry AS q
        WHERE q.asked_by = session_user
            AND (p_everybody OR q.on_behalf_of IS NOT DISTINCT FROM p_person)
            -- Bounds and no equation: so the plan that serves every call reads the index.
            AND q.inquiry_id >= coalesce(p_number, 0)
            AND q.inquiry_id <= coalesce(p_number, p_before - 1, 9223372036854775807)
            AND (p_case IS NULL OR q.case_reference = p_case)
            AND (p_from IS NULL OR q.asked_at >= p_from)
            AND (p_address IS NULL OR EXISTS (
                SELECT FROM unnest(ARRAY['address', 'host', 'nat', 'remote']) AS k (key)
                WHERE (q.arguments ->> k.key)::inet && p_address
            ))
        ORDER BY q.inquiry_id DESC
        LIMIT least(p_limit, 1000)
    ) AS f
    LEFT JOIN ctaudit.inquiry_answer AS a ON a.inquiry_id = f.inquiry_id
    ORDER BY f.inquiry_id DESC;
$function$;
