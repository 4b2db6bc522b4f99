-- Function: ctaudit.set_freezing
-- Lets autovacuum freeze the partition of a day that is over: it then vacuums the partition once,
-- with all its rows, and again only after more were inserted. VACUUM itself cannot run in a
-- function, and whoever does not own a table may not call it. ANALYZE can: it is done at once.
-- Parameters: p_table   opening, flow or dump_entry; p_day
-- Returns: nothing
-- Errors: 55P03 a lock was not granted within two seconds; call again. 22023 the day is not over
-- Tables touched: the partition (its storage parameters)
CREATE OR REPLACE FUNCTION ctaudit.set_freezing(p_table text, p_day date)
RETURNS void
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '2s'
SET TimeZone = 'UTC'
AS $function$
DECLARE
    v_name text := ctaudit.attached(p_table, p_day);
BEGIN
    IF p_day >= clock_timestamp()::date THEN
        RAISE EXCEPTION 'the day % is not over', p_day USING ERRCODE = '22023';
    END IF;
    IF v_name IS NOT NULL THEN
        EXECUTE format(
            'ALTER TABLE ctaudit.%I SET (autovacuum_freeze_min_age = 0, '
            'autovacuum_freeze_table_age = 0, autovacuum_vacuum_insert_threshold = 0, '
            'autovacuum_vacuum_insert_scale_factor = 0)', v_name
        );
        EXECUTE format('ANALYZE ctaudit.%I', v_name);
    END IF;
END
$function$;
