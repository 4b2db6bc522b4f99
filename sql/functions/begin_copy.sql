-- Function: ctaudit.begin_copy
-- The first of three steps that close the partition of a day: from when this is committed, rows that
-- come are noticed. It may be repeated: then the copying begins anew. ctaudit.copy_partition and
-- ctaudit.exchange_partition follow, each in a transaction of its own.
-- Parameters: p_table   opening, flow or dump_entry; p_day
-- Returns: false: nothing is to be copied: the partition is closed, has no rows, or is held, or
--   there is none
-- Errors: 55P03 a lock was not granted within two seconds; call again. 22023 no such table, the day
--   is not settled, or rows of it are in the default partition
-- Tables touched: closed_partition, the partition (its trigger); those of ctaudit.is_settled and
--   ctaudit.held (read)
CREATE OR REPLACE FUNCTION ctaudit.begin_copy(p_table text, p_day date)
RETURNS boolean
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '2s'
SET client_min_messages = 'warning'
SET DateStyle = 'ISO, YMD'
SET TimeZone = 'UTC'
AS $function$
DECLARE
    v_name text := ctaudit.attached(p_table, p_day);
    v_has_rows boolean;
BEGIN
    IF p_table NOT IN ('opening', 'flow', 'dump_entry') OR NOT ctaudit.is_settled(p_day) THEN
        RAISE EXCEPTION '% of % cannot be closed', p_table, p_day USING ERRCODE = '22023';
    END IF;
    IF v_name IS NULL OR p_day::timestamptz <@ ctaudit.held() OR EXISTS (
        SELECT FROM ctaudit.closed_partition AS c
        WHERE c.parent = p_table AND c.day = p_day AND c.closed_at IS NOT NULL
    ) THEN
        RETURN false;
    END IF;
    IF (SELECT p.partition_until < p_day + 1 FROM ctaudit.partitions() AS p WHERE p.name = v_name) THEN
        RAISE EXCEPTION '% of % cannot be closed', p_table, p_day USING ERRCODE = '22023';
    END IF;
    -- Waits for whoever has inserted without the trigger, or before is_spoiled is set back.
    EXECUTE format('LOCK TABLE ctaudit.%I IN SHARE ROW EXCLUSIVE MODE', v_name);
    EXECUTE format('SELECT EXISTS (SELECT FROM ctaudit.%I)', v_name) INTO v_has_rows;
    INSERT INTO ctaudit.closed_partition (parent, day, closed_at)
    VALUES (p_table, p_day, CASE WHEN NOT v_has_rows THEN clock_timestamp() END)
    ON CONFLICT (parent, day) DO UPDATE SET is_spoiled = false, closed_at = EXCLUDED.closed_at;
    EXECUTE format('DROP TABLE IF EXISTS ctaudit.%I', v_name || '_copy');
    IF v_has_rows AND NOT EXISTS (
        SELECT FROM pg_trigger AS t
        WHERE t.tgrelid = format('ctaudit.%I', v_name)::regclass AND t.tgname = 'spoil_copy'
    ) THEN
        EXECUTE format(
            'CREATE TRIGGER spoil_copy BEFORE INSERT ON ctaudit.%I FOR EACH ROW '
            'EXECUTE FUNCTION ctaudit.spoil_copy(%L, %L)', v_name, p_table, p_day
        );
    END IF;
    RETURN v_has_rows;
END
$function$;
