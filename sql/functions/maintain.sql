-- Function: ctaudit.maintain
-- The daily maintenance, for the owner only: makes partitions ahead, empties the default
-- partitions and applies retention.
--   Rows of a day without a partition move from the default partition into a new one.
--   Partitions wholly older than p_retention_days are dropped, and with them the coverage,
--   dumps, notes, undecodable messages, clock states and scopes of that time. Gaps, inquiries,
--   nodes and streams stay: they are few and say what was recorded.
--   Older rows of the default partition are deleted. Rows older than the first stream of all
--   stay: they have the time of a clock that was wrong.
-- Parameters: p_retention_days   days to keep, at least 1; p_days   days to make ahead
-- Returns: what was done. action: made, moved, dropped, deleted, kept or trimmed; object: the
--          table; rows: how many, NULL where they were not counted
-- Errors: 55P03 a lock was not granted within two seconds; call again
-- Tables touched: all but migration, gap and inquiry; node (read); stream: only covered_from
CREATE OR REPLACE FUNCTION ctaudit.maintain(p_retention_days integer, p_days integer DEFAULT 7)
RETURNS TABLE (action text, object text, rows bigint)
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET DateStyle = 'ISO, YMD'
SET lock_timeout = '2s'
AS $function$
DECLARE
    v_horizon date;
    v_kept timestamptz;
    v_first timestamptz;
    v_table text;
    v_day date;
    v_name text;
BEGIN
    IF p_retention_days IS NULL OR p_retention_days < 1 THEN
        RAISE EXCEPTION 'retention of % days: must be 1 or more', p_retention_days;
    END IF;
    v_horizon := (clock_timestamp() AT TIME ZONE 'UTC')::date - p_retention_days;
    v_kept := v_horizon::timestamp AT TIME ZONE 'UTC';
    SELECT coalesce(min(n.first_seen), 'infinity') INTO v_first FROM ctaudit.node AS n;

    FOR object, rows IN SELECT m.partition, m.moved FROM ctaudit.make_partitions(p_days) AS m LOOP
        action := 'made';
        RETURN NEXT;
    END LOOP;

    FOREACH v_table IN ARRAY ARRAY['opening', 'flow', 'dump_entry'] LOOP
        FOR v_day IN EXECUTE format(
            'SELECT DISTINCT (received_at AT TIME ZONE ''UTC'')::date FROM ctaudit.%I '
            'WHERE received_at >= %L AND received_at <= clock_timestamp() ORDER BY 1',
            v_table || '_default', v_kept
        ) LOOP
            action := 'moved';
            object := ctaudit.partition_name(v_table, v_day);
            rows := ctaudit.make_partition(v_table, v_day);
            RETURN NEXT;
        END LOOP;

        FOR v_name IN
            SELECT c.relname FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
            WHERE i.inhparent = format('ctaudit.%I', v_table || '_row')::regclass
                AND c.relname ~ '_p\d{8}$'
                AND to_date(right(c.relname, 8), 'YYYYMMDD') < v_horizon
            ORDER BY c.relname
        LOOP
            EXECUTE format('DROP TABLE ctaudit.%I', v_name);
            action := 'dropped';
            object := v_name;
            rows := NULL;
            RETURN NEXT;
        END LOOP;

        object := v_table || '_default';
        EXECUTE format(
            'DELETE FROM ctaudit.%I WHERE received_at < %L AND received_at >= %L',
            object, v_kept, v_first
        );
        GET DIAGNOSTICS rows = ROW_COUNT;
        IF rows > 0 THEN
            action := 'deleted';
            RETURN NEXT;
        END IF;
        EXECUTE format('SELECT count(*) FROM ctaudit.%I', object) INTO rows;
        IF rows > 0 THEN
            action := 'kept';
            RETURN NEXT;
        END IF;
    END LOOP;

    action := 'trimmed';
    FOR object, rows IN SELECT * FROM ctaudit.trim_before(v_kept) AS t WHERE t.rows > 0 LOOP
        RETURN NEXT;
    END LOOP;
END
$function$;
