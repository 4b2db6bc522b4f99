-- Function: ctaudit.add_login
-- Lets a login record as a node: one that is there, or one that is to come. For the owner only.
-- Parameters:
--   p_node     the name that it has, not one that it had: another gateway may take that
--   p_login    a login of this server
--   p_reason   is put on record with who did it and when
-- Returns: nothing
-- Errors: P0002 no such login; 22023 the node has no name; 55000 it has that login
-- Tables touched: node_login, login_change
CREATE OR REPLACE FUNCTION ctaudit.add_login(
    p_node text,
    p_login text,
    p_reason text DEFAULT NULL
)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    IF coalesce(p_node, '') = '' THEN
        RAISE EXCEPTION 'a gateway needs a name' USING ERRCODE = '22023';
    ELSIF NOT EXISTS (SELECT FROM pg_roles AS r WHERE r.rolname = p_login AND r.rolcanlogin) THEN
        RAISE EXCEPTION 'this server has no login %', p_login USING ERRCODE = 'P0002';
    END IF;
    INSERT INTO ctaudit.node_login (node, login) VALUES (p_node, p_login) ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the login % records as % already', p_login, p_node USING ERRCODE = '55000';
    END IF;
    PERFORM ctaudit.note_login_change(p_node, p_login, 'added', p_reason);
END
$function$;
