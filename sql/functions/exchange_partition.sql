-- Function: ctaudit.exchange_partition
-- The last step (ctaudit.copy_partition is the one before): puts the copy in the partition's place,
-- in one short transaction. A question that has an older snapshot is asked again
-- (ctaudit.refuse_rewritten).
-- Parameters: p_table   opening, flow or dump_entry; p_day
-- Returns: true; false: rows came since ctaudit.begin_copy, or a hold was set: the copy was dropped,
--   and nothing else was done
-- Errors: 55P03 a lock was not granted within two seconds; call again. 22023 there is no copy
-- Tables touched: the partition (dropped), the copy (attached), closed_partition; rewrite; hold, and
--   those of ctaudit.held (read)
CREATE OR REPLACE FUNCTION ctaudit.exchange_partition(p_table text, p_day date)
RETURNS boolean
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '2s'
SET DateStyle = 'ISO, YMD'
SET TimeZone = 'UTC'
AS $function$
DECLARE
    v_parent text := p_table || '_row';
    v_name text := ctaudit.attached(p_table, p_day);
    v_copy text := v_name || '_copy';
    v_from timestamptz := p_day;
    v_until timestamptz := p_day + 1;
    v_is_spoiled boolean;
BEGIN
    -- A hold that is being set waits until this is committed.
    LOCK TABLE ctaudit.hold IN SHARE MODE;
    -- ctaudit.begin_copy drops an earlier one.
    IF to_regclass('ctaudit.' || quote_ident(v_copy)) IS NULL THEN
        RAISE EXCEPTION '% of % has no copy', p_table, p_day USING ERRCODE = '22023';
    END IF;
    EXECUTE format('LOCK TABLE ONLY ctaudit.%I IN ACCESS EXCLUSIVE MODE', v_parent);
    EXECUTE format('LOCK TABLE ctaudit.%I IN ACCESS EXCLUSIVE MODE', v_name);
    SELECT c.is_spoiled INTO v_is_spoiled FROM ctaudit.closed_partition AS c
    WHERE c.parent = p_table AND c.day = p_day FOR UPDATE;
    IF v_is_spoiled OR v_from <@ ctaudit.held() THEN
        EXECUTE format('DROP TABLE ctaudit.%I', v_copy);
        EXECUTE format('DROP TRIGGER spoil_copy ON ctaudit.%I', v_name);
        DELETE FROM ctaudit.closed_partition AS c WHERE c.parent = p_table AND c.day = p_day;
        RETURN false;
    END IF;
    EXECUTE format('DROP TABLE ctaudit.%I', v_name);
    EXECUTE format('ALTER TABLE ctaudit.%I RENAME TO %I', v_copy, v_name);
    EXECUTE format(
        'ALTER TABLE ctaudit.%I ATTACH PARTITION ctaudit.%I FOR VALUES FROM (%L) TO (%L)',
        v_parent, v_name, v_from, v_until
    );
    EXECUTE format('ALTER TABLE ctaudit.%I DROP CONSTRAINT day', v_name);
    UPDATE ctaudit.closed_partition AS c SET closed_at = clock_timestamp()
    WHERE c.parent = p_table AND c.day = p_day;
    PERFORM ctaudit.note_rewrite();
    RETURN true;
END
$function$;
