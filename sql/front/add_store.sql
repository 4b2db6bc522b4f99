-- Function: ctaudit.add_store
-- Adds a store to those that the front asks, or gives a known one another connection string; one that
-- was taken out is asked again. For the owner only.
-- Parameters: p_name; p_dsn   libpq's, key = value; p_patience, p_long_patience   how long a question
--   waits for it
-- Returns: its number
-- Errors: 22023 a value cannot be; 54000 there are 999 stores
-- Tables touched: store, store_change (written)
CREATE OR REPLACE FUNCTION ctaudit.add_store(
    p_name text,
    p_dsn text,
    p_patience interval,
    p_long_patience interval
)
RETURNS smallint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_store_id smallint;
    v_change text := 'added';
BEGIN
    IF p_name IS NULL OR p_name !~ '^[^[:cntrl:]]{1,63}$' OR p_dsn IS NULL THEN
        RAISE EXCEPTION 'store %: must have a name of 1 to 63 characters and a connection string',
            p_name USING ERRCODE = '22023';
    ELSIF p_patience <= '0' OR p_long_patience < p_patience THEN
        RAISE EXCEPTION 'store %: waits % and %: the first must be over 0, the second no shorter',
            p_name, p_patience, p_long_patience USING ERRCODE = '22023';
    END IF;
    UPDATE ctaudit.store AS s SET
        dsn = p_dsn, patience = p_patience, long_patience = p_long_patience, retired_at = NULL,
        gone_at = NULL
    WHERE s.name = p_name RETURNING s.store_id INTO v_store_id;
    IF FOUND THEN
        v_change := 'changed';
    ELSE
        INSERT INTO ctaudit.store (name, dsn, patience, long_patience)
        VALUES (p_name, p_dsn, p_patience, p_long_patience) RETURNING store_id INTO v_store_id;
    END IF;
    IF v_store_id > 999 THEN
        RAISE EXCEPTION 'store %: a front has at most 999 stores', p_name USING ERRCODE = '54000';
    END IF;
    INSERT INTO ctaudit.store_change (store, change, detail) VALUES (
        p_name, v_change, jsonb_build_object('dsn', p_dsn, 'patience', p_patience)
    );
    RETURN v_store_id;
END
$function$;
