-- Function: ctaudit.schema_version
-- Parameters: none
-- Returns: the number of the last migration that was applied
-- Tables touched: migration (read)
CREATE OR REPLACE FUNCTION ctaudit.schema_version()
RETURNS integer
LANGUAGE sql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT coalesce(max(m.number), 0) FROM ctaudit.migration AS m;
$function$;
