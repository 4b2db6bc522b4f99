-- Function: ctaudit.is_own
-- Whether the session's login records as a node, or is a member of the owner, whom nothing binds.
-- The login is session_user: neither SET ROLE nor SECURITY DEFINER changes it.
-- Parameters: p_node   the name that it has now
-- Returns: true or false
-- Tables touched: node_login (read)
CREATE OR REPLACE FUNCTION ctaudit.is_own(p_node text)
RETURNS boolean
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    RETURN EXISTS (
        SELECT FROM ctaudit.node_login AS l WHERE l.node = p_node AND l.login = session_user
    ) OR pg_has_role(session_user, 'ctaudit_owner', 'MEMBER');
END
$function$;
