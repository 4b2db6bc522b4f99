-- Function: ctaudit.make_partition
-- Makes the partition of one UTC day if it is missing. The rows of that day move from the default
-- partition into the new table before it is attached: the server refuses to attach it while
-- the default partition has such rows.
-- Its statements hold times as text, which not every DateStyle reads as it writes them.
-- Parameters: p_table   opening, flow or dump_entry; p_day
-- Returns: how many rows were moved; NULL: the partition exists already
-- Errors: 55P03 a lock was not granted within two seconds; call again
-- Tables touched: the partition (made and attached), <p_table>_default
CREATE OR REPLACE FUNCTION ctaudit.make_partition(p_table text, p_day date)
RETURNS bigint
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '2s'
SET DateStyle = 'ISO, YMD'
AS $function$
DECLARE
    v_parent text := p_table || '_row';
    v_name text := ctaudit.partition_name(p_table, p_day);
    v_from timestamptz := p_day::timestamp AT TIME ZONE 'UTC';
    v_until timestamptz := (p_day + 1)::timestamp AT TIME ZONE 'UTC';
    v_moved bigint;
BEGIN
    IF to_regclass(format('ctaudit.%I', v_name)) IS NOT NULL THEN
        RETURN NULL;
    END IF;
    -- Keeps others from inserting: a batch for which the server had chosen the default partition
    -- already would be rejected once that partition may not hold its rows any more.
    EXECUTE format('LOCK TABLE ctaudit.%I IN SHARE ROW EXCLUSIVE MODE', v_parent);
    -- A question reads what the BRIN indexes have not summarized; VACUUM summarizes them.
    EXECUTE format(
        'CREATE TABLE ctaudit.%I (LIKE ctaudit.%I INCLUDING DEFAULTS INCLUDING CONSTRAINTS) WITH ('
        'autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 50000)',
        v_name, v_parent
    );
    -- Saves the server a scan of the new table when it is attached.
    EXECUTE format(
        'ALTER TABLE ctaudit.%I ADD CONSTRAINT day CHECK (received_at >= %L AND received_at < %L)',
        v_name, v_from, v_until
    );
    EXECUTE format(
        'WITH moved AS (DELETE FROM ctaudit.%I WHERE received_at >= %L AND received_at < %L '
        'RETURNING *) INSERT INTO ctaudit.%I SELECT * FROM moved',
        p_table || '_default', v_from, v_until, v_name
    );
    GET DIAGNOSTICS v_moved = ROW_COUNT;
    EXECUTE format(
        'ALTER TABLE ctaudit.%I ATTACH PARTITION ctaudit.%I FOR VALUES FROM (%L) TO (%L)',
        v_parent, v_name, v_from, v_until
    );
    EXECUTE format('ALTER TABLE ctaudit.%I DROP CONSTRAINT day', v_name);
    RETURN v_moved;
END
$function$;
