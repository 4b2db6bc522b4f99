-- Function: ctaudit.hang_up
-- Parameters: p_store_id   the store whose connection this session gives up
-- Returns: nothing
-- Tables touched: none
CREATE OR REPLACE FUNCTION ctaudit.hang_up(p_store_id smallint)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    IF 'ctaudit ' || p_store_id = ANY (ctaudit_dblink.dblink_get_connections()) THEN
        PERFORM ctaudit_dblink.dblink_disconnect('ctaudit ' || p_store_id);
    END IF;
END
$function$;
