-- Function: ctaudit.horizon
-- Parameters: p_retention_days   at least 1
-- Returns: the beginning of the first UTC day that retention keeps
-- Errors: 22023 less than a day
-- Tables touched: none
CREATE OR REPLACE FUNCTION ctaudit.horizon(p_retention_days integer)
RETURNS timestamptz
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
SET TimeZone = 'UTC'
AS $function$
BEGIN
    IF p_retention_days IS NULL OR p_retention_days < 1 THEN
        RAISE EXCEPTION 'retention of % days: must be 1 or more', p_retention_days
            USING ERRCODE = '22023';
    END IF;
    RETURN date_trunc('day', clock_timestamp()) - make_interval(days => p_retention_days);
END
$function$;
