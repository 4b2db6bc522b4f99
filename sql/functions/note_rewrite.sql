-- Function: ctaudit.note_rewrite
-- Called in each transaction that moves rows between partitions, or drops or exchanges one that has
-- rows. Such changes of the catalog are seen at once, also by a question whose snapshot is
-- older: it would look for rows where its snapshot does not show them.
-- Parameters: none
-- Returns: nothing
-- Tables touched: rewrite
CREATE OR REPLACE FUNCTION ctaudit.note_rewrite()
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $function$
    TRUNCATE ctaudit.rewrite;
$function$;
