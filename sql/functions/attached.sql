-- Function: ctaudit.attached
-- Parameters: p_table   opening, flow or dump_entry; p_day
-- Returns: the name of the day's partition; NULL: there is none, or it was detached by hand
-- Tables touched: none but the catalog's
CREATE OR REPLACE FUNCTION ctaudit.attached(p_table text, p_day date)
RETURNS text
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT ctaudit.partition_name(p_table, p_day) FROM pg_inherits AS i
    WHERE i.inhrelid = to_regclass(format('ctaudit.%I', ctaudit.partition_name(p_table, p_day)))
        AND i.inhparent = to_regclass(format('ctaudit.%I', p_table || '_row'));
$function$;
