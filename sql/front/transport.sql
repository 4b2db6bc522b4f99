-- The way to the stores: dblink, in a schema of its own, of which only the owner may use anything.
-- Who could use it by himself would speak to the stores with the front's logins. As a superuser.
CREATE SCHEMA IF NOT EXISTS ctaudit_dblink;
REVOKE ALL ON SCHEMA ctaudit_dblink FROM PUBLIC;
CREATE EXTENSION IF NOT EXISTS dblink SCHEMA ctaudit_dblink;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA ctaudit_dblink FROM PUBLIC;
GRANT USAGE ON SCHEMA ctaudit_dblink TO ctaudit_owner;
-- dblink_connect_u: passwords are read from the file that passfile or ~/.pgpass names, of the
-- server's user.
GRANT EXECUTE ON FUNCTION
    ctaudit_dblink.dblink_connect_u(text, text), ctaudit_dblink.dblink_send_query(text, text),
    ctaudit_dblink.dblink_is_busy(text), ctaudit_dblink.dblink_get_result(text, boolean),
    ctaudit_dblink.dblink_get_result(text), ctaudit_dblink.dblink_disconnect(text),
    ctaudit_dblink.dblink_get_connections()
TO ctaudit_owner;
DO $temporary$
BEGIN
    -- For what ctaudit.kept keeps for a transaction.
    EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO ctaudit_owner', current_database());
END
$temporary$;
