-- Function: ctaudit.refuse_foreign
-- Refuses a login that does not record as the node. The server's log has the attempt even where
-- the caller catches the error.
-- Parameters: p_node   the name that it has now
-- Returns: nothing
-- Errors: CT005 the session's login does not record as this node
-- Tables touched: node_login (read)
CREATE OR REPLACE FUNCTION ctaudit.refuse_foreign(p_node text)
RETURNS void
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    IF NOT ctaudit.is_own(p_node) THEN
        RAISE LOG 'ctaudit: % refused as %', session_user, p_node;
        RAISE EXCEPTION 'the login % does not record as %', session_user, p_node USING
            ERRCODE = 'CT005',
            HINT = format(
                'If it is a login of that gateway, run as the owner: ctaudit node login %s %s',
                ctaudit.shell_word(p_node), ctaudit.shell_word(session_user)
            );
    END IF;
END
$function$;
