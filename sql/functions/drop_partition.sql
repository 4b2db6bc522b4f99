-- Function: ctaudit.drop_partition
-- Drops the partition of a day that retention does not keep any more.
-- Parameters: p_table   opening, flow or dump_entry; p_day; p_retention_days   days to keep
-- Returns: true; false: a hold keeps it, or there is none
-- Errors: 55P03 a lock was not granted within two seconds; call again. 22023 retention keeps the
--   day. 55000 the day is said to be covered: ctaudit.trim_before comes first
-- Tables touched: the partition (dropped), closed_partition; rewrite; hold, coverage, and those of
--   ctaudit.held (read)
CREATE OR REPLACE FUNCTION ctaudit.drop_partition(
    p_table text,
    p_day date,
    p_retention_days integer
)
RETURNS boolean
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '2s'
SET DateStyle = 'ISO, YMD'
SET client_min_messages = 'warning'
SET TimeZone = 'UTC'
AS $function$
DECLARE
    v_from timestamptz := p_day;
    v_until timestamptz := p_day + 1;
    v_name text := ctaudit.attached(p_table, p_day);
    v_has_rows boolean;
BEGIN
    IF v_until > ctaudit.horizon(p_retention_days) THEN
        RAISE EXCEPTION '% is kept for % days', p_day, p_retention_days USING ERRCODE = '22023';
    END IF;
    IF v_name IS NULL THEN
        RETURN false;
    END IF;
    -- A hold that is being set waits until this is committed, and is told what is left.
    LOCK TABLE ctaudit.hold IN SHARE MODE;
    IF v_from <@ ctaudit.held() THEN
        RETURN false;
    END IF;
    IF EXISTS (
        SELECT FROM ctaudit.coverage AS c
        WHERE c.covered_from < v_until AND c.covered_until > v_from
    ) THEN
        RAISE EXCEPTION '% of % is said to be covered', p_table, p_day
            USING ERRCODE = '55000', HINT = 'Call ctaudit.trim_before first.';
    END IF;
    EXECUTE format('SELECT EXISTS (SELECT FROM ctaudit.%I)', v_name) INTO v_has_rows;
    EXECUTE format('DROP TABLE ctaudit.%I', v_name);
    EXECUTE format('DROP TABLE IF EXISTS ctaudit.%I', v_name || '_copy');
    DELETE FROM ctaudit.closed_partition AS c WHERE c.parent = p_table AND c.day = p_day;
    IF v_has_rows THEN
        PERFORM ctaudit.note_rewrite();
    END IF;
    RETURN true;
END
$function$;
