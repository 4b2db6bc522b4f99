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
    FROM (
        SELECT q FROM ctaudit.inquiry AS q
        WHERE q.asked_by = session_user
            AND (p_everybody OR q.on_behalf_of IS NOT DISTINCT FROM p_person)
            AND (p_number IS NULL OR q.inquiry_id = p_number)
            AND (p_before IS NULL OR q.inquiry_id < p_before)
            AND (p_case IS NULL OR q.case_reference = p_case)
            AND (p_from IS NULL OR q.asked_at >= p_from)
            AND ctaudit.is_about(q.arguments, p_address)
        ORDER BY q.inquiry_id DESC
        LIMIT least(p_limit, 1000)
    ) AS f
    LEFT JOIN ctaudit.inquiry_answer AS a ON a.inquiry_id = (f.q).inquiry_id
    CROSS JOIN LATERAL ctaudit.told_inquiry(f.q, a) AS t
    ORDER BY t.inquiry_id DESC;
END
$function$;
