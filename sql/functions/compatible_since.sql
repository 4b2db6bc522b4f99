-- Function: ctaudit.compatible_since
-- Parameters: none
-- Returns: the oldest schema version of which a program records into this database and asks it
-- Tables touched: migration (read)
CREATE OR REPLACE FUNCTION ctaudit.compatible_since()
RETURNS integer
LANGUAGE sql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT coalesce(max(m.compatible_since), 0) FROM ctaudit.migration AS m;
$function$;
