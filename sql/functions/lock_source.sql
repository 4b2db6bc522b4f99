-- Function: ctaudit.lock_source
-- Waits until no other transaction changes the holders of a source.
-- Parameters: p_source
-- Returns: nothing
-- Tables touched: none
CREATE OR REPLACE FUNCTION ctaudit.lock_source(p_source text)
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT pg_advisory_xact_lock(hashtextextended('ctaudit.holder ' || p_source, 0));
$function$;
