-- Function: ctaudit.partitions
-- Parameters: none
-- Returns: the partitions of a day, by table and day.
--   parent         opening, flow or dump_entry
--   partition_until   the end of its bounds: that of its day, or earlier while the rest of the
--                  day's rows are still in the default partition
--   options        its storage parameters
-- Tables touched: none but the catalog's
CREATE OR REPLACE FUNCTION ctaudit.partitions()
RETURNS TABLE (
    parent text,
    day date,
    name text,
    partition_until timestamptz,
    options text[]
)
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
SET standard_conforming_strings = on
SET DateStyle = 'ISO, YMD'
SET TimeZone = 'UTC'
AS $function$
    SELECT
        t.parent, to_date(right(c.relname, 8), 'YYYYMMDD'), c.relname,
        substring(pg_get_expr(c.relpartbound, c.oid) FROM $$TO \('(.*)'\)$$)::timestamptz,
        c.reloptions
    FROM unnest(ARRAY['opening', 'flow', 'dump_entry', 'aggregate']) AS t (parent)
    JOIN pg_inherits AS i ON i.inhparent = format('ctaudit.%I', t.parent || '_row')::regclass
    JOIN pg_class AS c ON c.oid = i.inhrelid
    WHERE c.relname ~ '_p\d{8}$'
    ORDER BY 1, 2;
$function$;
