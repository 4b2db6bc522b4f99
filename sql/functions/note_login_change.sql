-- Function: ctaudit.note_login_change
-- Records in ctaudit.login_change and in the log of the server what was changed of a node's logins.
-- Parameters: p_node, p_login, p_change, p_reason   as the table's columns
-- Returns: nothing
-- Tables touched: login_change
CREATE OR REPLACE FUNCTION ctaudit.note_login_change(
    p_node text,
    p_login text,
    p_change text,
    p_reason text
)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    RAISE LOG 'ctaudit: % % a login: %', session_user, p_change, jsonb_strip_nulls(
        jsonb_build_object('node', p_node, 'login', p_login, 'reason', p_reason)
    );
    INSERT INTO ctaudit.login_change (node, login, change, reason)
    VALUES (p_node, p_login, p_change, p_reason);
END
$function$;
