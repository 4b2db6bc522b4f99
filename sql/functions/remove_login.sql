-- Function: ctaudit.remove_login
-- Lets a login not record as a node any more, from its next CALL on. For the owner only.
-- Parameters:
--   p_node     the name that it has
--   p_login    a login of it, which the server need not have any more
--   p_reason   is put on record with who did it and when
-- Returns: nothing
-- Errors: P0002 the node has no such login
-- Tables touched: node_login, login_change
CREATE OR REPLACE FUNCTION ctaudit.remove_login(
    p_node text,
    p_login text,
    p_reason text DEFAULT NULL
)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    DELETE FROM ctaudit.node_login AS l WHERE l.node = p_node AND l.login = p_login;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the login % does not record as %', p_login, p_node
            USING ERRCODE = 'P0002';
    END IF;
    PERFORM ctaudit.note_login_change(p_node, p_login, 'removed', p_reason);
END
$function$;
