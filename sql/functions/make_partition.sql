-- Function: ctaudit.make_partition
-- Makes the partition of one UTC day if it is missing. The rows of that day move from the default
-- partition into the new table before it is attached: the server refuses to attach it while
-- the default partition has such rows. A day with many rows is moved in portions: until the last
-- one the partition ends earlier than its day.
-- Its statements hold times as text, which not every DateStyle reads as it writes them.
-- Parameters: p_table   opening, flow or dump_entry; p_day
--   p_until   the end of the portion; NULL: that of the day
-- Returns: how many rows were moved; NULL: the partition exists already
-- Errors: 55P03 a lock was not granted within two seconds; call again. 22023 no such table, or a
--   day far from now
-- Tables touched: the partition (made and attached), <p_table>_default; rewrite
CREATE OR REPLACE FUNCTION ctaudit.make_partition(
    p_table text,
    p_day date,
    p_until timestamptz DEFAULT NULL
)
RETURNS bigint
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '2s'
SET DateStyle = 'ISO, YMD'
SET TimeZone = 'UTC'
AS $function$
DECLARE
    v_parent text := p_table || '_row';
    v_name text := ctaudit.partition_name(p_table, p_day);
    v_from timestamptz := p_day;
    v_moved_from timestamptz := p_day;
    v_until timestamptz := least(p_until, (p_day + 1)::timestamptz);
    v_moved bigint;
BEGIN
    IF p_table NOT IN ('opening', 'flow', 'dump_entry', 'aggregate')
        OR abs(p_day - clock_timestamp()::date) > 36525 OR v_until <= v_from
    THEN
        RAISE EXCEPTION 'no partition of % for % until %', p_table, p_day, p_until
            USING ERRCODE = '22023';
    END IF;
    IF to_regclass(format('ctaudit.%I', v_name)) IS NOT NULL THEN
        SELECT p.partition_until INTO v_moved_from FROM ctaudit.partitions() AS p
        WHERE p.name = v_name;
        -- NULL: it was detached by hand.
        IF v_moved_from >= v_until OR v_moved_from IS NULL THEN
            RETURN NULL;
        END IF;
        EXECUTE format('ALTER TABLE ctaudit.%I DETACH PARTITION ctaudit.%I', v_parent, v_name);
    ELSE
        -- Keeps others from inserting: a batch for which the server had chosen the default
        -- partition already would be rejected once that partition may not hold its rows any more.
        EXECUTE format('LOCK TABLE ONLY ctaudit.%I IN SHARE ROW EXCLUSIVE MODE', v_parent);
        -- A question reads what the BRIN indexes have not summarized; VACUUM summarizes them.
        EXECUTE format(
            'CREATE TABLE ctaudit.%I (LIKE ctaudit.%I INCLUDING DEFAULTS INCLUDING CONSTRAINTS) '
            'WITH (autovacuum_vacuum_insert_scale_factor = 0, '
            'autovacuum_vacuum_insert_threshold = 50000)',
            v_name, v_parent
        );
    END IF;
    -- Saves the server a scan of the new table when it is attached.
    EXECUTE format(
        'ALTER TABLE ctaudit.%I ADD CONSTRAINT day CHECK (received_at >= %L AND received_at < %L)',
        v_name, v_from, v_until
    );
    EXECUTE format(
        'WITH moved AS (DELETE FROM ctaudit.%I WHERE received_at >= %L AND received_at < %L '
        'RETURNING *) INSERT INTO ctaudit.%I SELECT * FROM moved',
        p_table || '_default', v_moved_from, v_until, v_name
    );
    GET DIAGNOSTICS v_moved = ROW_COUNT;
    EXECUTE format(
        'ALTER TABLE ctaudit.%I ATTACH PARTITION ctaudit.%I FOR VALUES FROM (%L) TO (%L)',
        v_parent, v_name, v_from, v_until
    );
    EXECUTE format('ALTER TABLE ctaudit.%I DROP CONSTRAINT day', v_name);
    IF v_moved > 0 THEN
        PERFORM ctaudit.note_rewrite();
    END IF;
    RETURN v_moved;
END
$function$;
