-- Function: ctaudit.take_rows
-- The rows of a call that a store has answered: those of its third statement, once the fourth has
-- committed them, and so the record of the question.
-- Parameters: p_store_id
-- Returns: the rows of ctaudit.front_call
-- Errors: those of the store
-- Tables touched: none
CREATE OR REPLACE FUNCTION ctaudit.take_rows(p_store_id smallint)
RETURNS TABLE (item integer, place integer, value jsonb)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_column
DECLARE
    v_name CONSTANT text := 'ctaudit ' || p_store_id;
    v_done text;
BEGIN
    FOR v_statement IN 1..2 LOOP
        SELECT r.done INTO v_done FROM ctaudit_dblink.dblink_get_result(v_name) AS r (done text);
        IF v_done IS NULL THEN
            RAISE EXCEPTION 'the connection was lost' USING ERRCODE = '08006';
        END IF;
    END LOOP;
    RETURN QUERY SELECT r.item, r.place, r.value
    FROM ctaudit_dblink.dblink_get_result(v_name) AS r (item integer, place integer, value jsonb);
    SELECT r.done INTO v_done FROM ctaudit_dblink.dblink_get_result(v_name) AS r (done text);
    IF v_done IS DISTINCT FROM 'COMMIT' THEN
        RAISE EXCEPTION 'the connection was lost' USING ERRCODE = '08006';
    END IF;
    -- The end of the results, after which the connection takes the next call.
    PERFORM FROM ctaudit_dblink.dblink_get_result(v_name) AS r (done text);
END
$function$;
