-- Function: ctaudit.empty_days
-- The days of a span in which a table has no row: they were closed (decision 0023), nothing was left of
-- them, and no row has come since. A query that leaves them out neither plans for these partitions nor
-- locks them and their indexes. That a file is empty is true for each snapshot, but for one from before
-- the day was closed (ctaudit.refuse_rewritten).
-- Parameters: p_table   opening, flow or dump_entry; p_from, p_until   times of receipt
-- Returns: these days, whole
-- Tables touched: closed_partition (read); the partitions' files
CREATE OR REPLACE FUNCTION ctaudit.empty_days(
    p_table text,
    p_from timestamptz,
    p_until timestamptz
)
RETURNS tstzmultirange
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    RETURN (
        SELECT coalesce(range_agg(tstzrange(
            d.day::timestamp AT TIME ZONE 'UTC', (d.day + 1)::timestamp AT TIME ZONE 'UTC'
        )), '{}')
        FROM (
            SELECT
                c.day,
                to_regclass(format('ctaudit.%s_p%s', p_table, to_char(c.day, 'YYYYMMDD'))) AS name
            FROM ctaudit.closed_partition AS c
            WHERE c.parent = p_table AND c.day >= (p_from AT TIME ZONE 'UTC')::date
                AND c.day <= (p_until AT TIME ZONE 'UTC')::date AND c.closed_at IS NOT NULL
        ) AS d
        WHERE pg_relation_size(d.name) = 0
            AND (SELECT k.relispartition FROM pg_class AS k WHERE k.oid = d.name)
    );
END
$function$;
