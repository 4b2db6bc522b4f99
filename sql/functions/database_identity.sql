-- Function: ctaudit.database_identity
-- Parameters: none
-- Returns: what tells this database from one into which its contents were restored
-- Tables touched: none but the catalog's
CREATE OR REPLACE FUNCTION ctaudit.database_identity()
RETURNS text
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT c.system_identifier || '/' || d.oid
    FROM pg_control_system() AS c, pg_database AS d WHERE d.datname = current_database();
$function$;
