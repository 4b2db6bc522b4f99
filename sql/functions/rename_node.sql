-- Function: ctaudit.rename_node
-- Gives a gateway another name, in all that is recorded of it; questions find it under both. Its
-- recorder may send the old name until its configuration has the new one. For the owner only.
-- Parameters: p_from   its name, or one that it had; p_to   the new one;
--   p_reason   is put on record with the login and the time
-- Returns: nothing
-- Errors: P0002 no such gateway; 22023 several had the name, p_to is no name, or its name already;
--   23505 another gateway has the new name
-- Tables touched: node, and by its foreign keys each table that holds a node's name; node_login,
--   login_change, node_change; stream (read)
CREATE OR REPLACE FUNCTION ctaudit.rename_node(
    p_from text,
    p_to text,
    p_reason text DEFAULT NULL
)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_node CONSTANT text := ctaudit.node_named(p_from);
BEGIN
    IF coalesce(p_to, '') = '' THEN
        RAISE EXCEPTION 'a gateway needs a name' USING ERRCODE = '22023';
    ELSIF p_to = v_node THEN
        RAISE EXCEPTION '% is called so already', p_to USING ERRCODE = '22023';
    ELSIF EXISTS (SELECT FROM ctaudit.node AS n WHERE n.node = p_to) THEN
        RAISE EXCEPTION '% is the name of a gateway with a record of its own', p_to
            USING ERRCODE = '23505';
    END IF;
    -- As the record procedures do: the streams first.
    PERFORM FROM ctaudit.stream AS s WHERE s.node = v_node FOR UPDATE;
    UPDATE ctaudit.node AS n SET node = p_to WHERE n.node = v_node;
    -- What was imported has no login: those of its name are of the gateway that will record.
    IF EXISTS (SELECT FROM ctaudit.stream AS s WHERE s.node = p_to) THEN
        INSERT INTO ctaudit.node_login (node, login)
        SELECT p_to, l.login FROM ctaudit.node_login AS l WHERE l.node = v_node
        ON CONFLICT DO NOTHING;
        DELETE FROM ctaudit.node_login AS l WHERE l.node = v_node;
        UPDATE ctaudit.login_change AS c SET node = p_to WHERE c.node = v_node;
    END IF;
    PERFORM ctaudit.note_change(p_to, 'renamed', v_node, NULL, p_reason);
END
$function$;
