-- Function: ctaudit_dblink.is_silent
-- From PostgreSQL 16 on dblink waits without end for a server that takes connections and says
-- nothing, whatever connect_timeout says; so pg_isready asks first, for three seconds, in a process
-- of its own. Before 16 it is not asked. Runs a program as the server's user: installed by a
-- superuser, for the owner alone.
-- Parameters: p_dsn   of ctaudit.store, which has no password
-- Returns: whether it takes connections and says nothing
-- Tables touched: none
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
REVOKE ALL ON FUNCTION ctaudit_dblink.is_silent(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ctaudit_dblink.is_silent(text) TO ctaudit_owner;
