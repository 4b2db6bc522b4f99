-- Function: ctaudit.store_dsn
-- Parameters: p_store   its row
-- Returns: the connection string by which a store is asked. A host that is away is given up soon
-- Tables touched: none
CREATE OR REPLACE FUNCTION ctaudit.store_dsn(p_store ctaudit.store)
RETURNS text
LANGUAGE sql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT 'fallback_application_name=''ctaudit front'' connect_timeout=3 keepalives_idle=10 '
        'keepalives_interval=5 keepalives_count=4 tcp_user_timeout=30000 ' || p_store.dsn;
$function$;
