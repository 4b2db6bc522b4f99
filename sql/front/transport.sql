-- The way to the stores: dblink, in a schema of its own, of which only the owner may use anything.
-- Who could use it by himself would speak to the stores with the front's logins. As a superuser.
CREATE SCHEMA IF NOT EXISTS ctaudit_dblink;
REVOKE ALL ON SCHEMA ctaudit_dblink FROM PUBLIC;
CREATE EXTENSION IF NOT EXISTS dblink SCHEMA ctaudit_dblink;
-- Whether a server takes connections and says nothing. From PostgreSQL 16 on dblink waits for such a
-- one without end, whatever connect_timeout says; so pg_isready asks first, for three seconds, in a
-- process of its own. Before 16 it is not asked. Runs a program as the server's user: for the owner
-- alone, with a connection string of ctaudit.store, which has no password.
CREATE OR REPLACE FUNCTION ctaudit_dblink.is_silent(p_dsn text)
RETURNS boolean
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    c_seconds CONSTANT integer := 3;
    v_began CONSTANT timestamptz := clock_timestamp();
BEGIN
    IF current_setting('server_version_num')::integer >= 160000 THEN
        EXECUTE format('COPY (SELECT) TO PROGRAM %L', format(
            'cat >/dev/null; PATH=%s:$PATH exec pg_isready -q -t %s -d %s',
            (SELECT c.setting FROM pg_config AS c WHERE c.name = 'BINDIR'), c_seconds,
            '''' || replace(p_dsn, '''', '''\''''') || ''''
        ));
    END IF;
    RETURN false;
EXCEPTION WHEN external_routine_exception THEN
    -- One that refuses at once is asked by dblink, which says why. libpq may count a second less.
    RETURN clock_timestamp() >= v_began + (c_seconds - 1) * interval '1 s';
END
$function$;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA ctaudit_dblink FROM PUBLIC;
GRANT USAGE ON SCHEMA ctaudit_dblink TO ctaudit_owner;
-- dblink_connect_u: passwords are read from the file that passfile or ~/.pgpass names, of the
-- server's user.
GRANT EXECUTE ON FUNCTION
    ctaudit_dblink.dblink_connect_u(text, text), ctaudit_dblink.dblink_send_query(text, text),
    ctaudit_dblink.dblink_is_busy(text), ctaudit_dblink.dblink_get_result(text, boolean),
    ctaudit_dblink.dblink_get_result(text), ctaudit_dblink.dblink_disconnect(text),
    ctaudit_dblink.dblink_get_connections(), ctaudit_dblink.is_silent(text)
TO ctaudit_owner;
DO $temporary$
BEGIN
    -- For what ctaudit.kept keeps for a transaction.
    EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO ctaudit_owner', current_database());
END
$temporary$;
