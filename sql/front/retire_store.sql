-- Function: ctaudit.retire_store
-- Says that no gateway records in a store any more. It is asked all the same, unless it is gone: then
-- what it had recorded is not known, and each question for that time says so. For the owner only.
-- Parameters: p_name; p_is_gone   its record is not there any more
-- Returns: since when
-- Errors: P0002 no such store
-- Tables touched: store, store_change (written)
CREATE OR REPLACE FUNCTION ctaudit.retire_store(p_name text, p_is_gone boolean)
RETURNS timestamptz
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_at CONSTANT timestamptz := clock_timestamp();
BEGIN
    UPDATE ctaudit.store AS s SET
        retired_at = coalesce(s.retired_at, v_at),
        gone_at = CASE WHEN p_is_gone THEN coalesce(s.gone_at, v_at) ELSE s.gone_at END
    WHERE s.name = p_name;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no store is called %; known are %', p_name, (
            SELECT coalesce(string_agg(s.name, ', ' ORDER BY s.store_id), 'none')
            FROM ctaudit.store AS s
        ) USING ERRCODE = 'P0002';
    END IF;
    INSERT INTO ctaudit.store_change (store, change)
    VALUES (p_name, CASE WHEN p_is_gone THEN 'gone' ELSE 'retired' END);
    RETURN v_at;
END
$function$;
