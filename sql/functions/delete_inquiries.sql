-- Function: ctaudit.delete_inquiries
-- Deletes the record of questions that were asked longer ago than it is kept.
-- Parameters: p_days   days to keep, at least 30
-- Returns: how many were deleted
-- Errors: 22023 less than 30 days
-- Tables touched: inquiry, inquiry_answer, inquiry_call
CREATE OR REPLACE FUNCTION ctaudit.delete_inquiries(p_days integer)
RETURNS bigint
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '2s'
AS $function$
DECLARE
    v_deleted bigint;
BEGIN
    IF p_days IS NULL OR p_days < 30 THEN
        RAISE EXCEPTION 'inquiries of % days: must be 30 or more', p_days
            USING ERRCODE = '22023';
    END IF;
    WITH gone AS (
        DELETE FROM ctaudit.inquiry AS q WHERE q.asked_at < ctaudit.horizon(p_days)
        RETURNING q.inquiry_id
    ),
    calls AS (
        DELETE FROM ctaudit.inquiry_call AS c USING gone AS g WHERE c.inquiry_id = g.inquiry_id
    ),
    answers AS (
        DELETE FROM ctaudit.inquiry_answer AS a USING gone AS g WHERE a.inquiry_id = g.inquiry_id
    )
    SELECT count(*) INTO v_deleted FROM gone;
    RETURN v_deleted;
END
$function$;
