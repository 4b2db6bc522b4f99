-- Function: ctaudit.was_ahead
-- Parameters: p_dump   a dump
-- Returns: whether the clock was stepped back over its time after it: it is older than it says
-- Tables touched: dump, clock_doubt (read)
CREATE OR REPLACE FUNCTION ctaudit.was_ahead(p_dump ctaudit.dump)
RETURNS boolean
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT ctaudit.stepped_back_to(p_dump.node, p_dump.began_at) IS NOT NULL AND EXISTS (
        SELECT FROM ctaudit.dump AS d
        WHERE d.node = p_dump.node AND d.dump_id > p_dump.dump_id AND d.began_at < p_dump.began_at
    );
$function$;
