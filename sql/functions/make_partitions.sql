-- Function: ctaudit.make_partitions
-- Makes the missing partitions of yesterday, today and the days ahead, in one transaction: for the
-- installation. Never from a record procedure: two sessions doing so would deadlock.
-- Parameters: p_days   how many days ahead
-- Returns: one row per partition made: its name and how many rows were moved into it
-- Errors: as ctaudit.make_partition
-- Tables touched: as ctaudit.make_partition
CREATE OR REPLACE FUNCTION ctaudit.make_partitions(p_days integer DEFAULT 7)
RETURNS TABLE (partition text, moved bigint)
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET DateStyle = 'ISO, YMD'
SET TimeZone = 'UTC'
AS $function$
DECLARE
    v_today date := clock_timestamp()::date;
    v_table text;
    v_day date;
BEGIN
    FOR v_day IN SELECT generate_series(v_today - 1, v_today + p_days, '1 day')::date LOOP
        FOREACH v_table IN ARRAY ARRAY['opening', 'flow', 'dump_entry', 'aggregate'] LOOP
            moved := ctaudit.make_partition(v_table, v_day);
            IF moved IS NOT NULL THEN
                partition := ctaudit.partition_name(v_table, v_day);
                RETURN NEXT;
            END IF;
        END LOOP;
    END LOOP;
END
$function$;
