-- Function: ctaudit.partition_name
-- Parameters: p_table   opening, flow or dump_entry; p_day   a UTC day
-- Returns: the name of the partition without its schema, for example opening_p20261124
-- Tables touched: none
CREATE OR REPLACE FUNCTION ctaudit.partition_name(p_table text, p_day date)
RETURNS text
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT p_table || '_p' || to_char(p_day, 'YYYYMMDD');
$function$;
