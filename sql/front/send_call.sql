-- Function: ctaudit.send_call
-- Sends a call to a store by the connection that this session has, or by a new one.
-- Parameters: p_store; p_query   of ctaudit.call_query
-- Returns: NULL: it is sent; else why it could not be
-- Tables touched: none
CREATE OR REPLACE FUNCTION ctaudit.send_call(p_store ctaudit.waiting_store, p_query text)
RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_name CONSTANT text := 'ctaudit ' || p_store.store_id;
    v_why text;
BEGIN
    IF v_name = ANY (ctaudit_dblink.dblink_get_connections()) THEN
        -- 0: a question before was interrupted, or the store ended the connection.
        IF ctaudit_dblink.dblink_send_query(v_name, p_query) = 1 THEN
            RETURN NULL;
        END IF;
        PERFORM ctaudit.hang_up(p_store.store_id);
    END IF;
    IF ctaudit_dblink.is_silent(p_store.dsn) THEN
        RETURN 'it takes connections and says nothing';
    END IF;
    BEGIN
        PERFORM ctaudit_dblink.dblink_connect_u(v_name, p_store.dsn);
        IF ctaudit_dblink.dblink_send_query(v_name, p_query) = 1 THEN
            RETURN NULL;
        END IF;
        v_why := 'the connection was lost';
    EXCEPTION WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS v_why = PG_EXCEPTION_DETAIL;
        v_why := coalesce(nullif(v_why, ''), SQLERRM);
    END;
    PERFORM ctaudit.hang_up(p_store.store_id);
    RETURN split_part(btrim(v_why), E'\n', 1);
END
$function$;
