-- Function: ctaudit.who_arguments
-- What a question of ctaudit.who has as arguments on record; its announcement and its holders are
-- found by them.
-- Parameters: as those of ctaudit.who
-- Returns: by name, addresses as ctaudit.plain_address has them
-- Tables touched: none
CREATE OR REPLACE FUNCTION ctaudit.who_arguments(
    p_address inet,
    p_port integer,
    p_from timestamptz,
    p_until timestamptz,
    p_remote inet,
    p_remote_port integer,
    p_proto smallint,
    p_node text,
    p_zone integer
)
RETURNS jsonb
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    RETURN jsonb_build_object(
        'address', ctaudit.plain_address(p_address), 'port', p_port, 'from', p_from,
        'until', p_until, 'remote', ctaudit.plain_address(p_remote), 'remote_port', p_remote_port,
        'proto', p_proto, 'node', p_node, 'zone', p_zone
    );
END
$function$;
