-- Function: ctaudit.note_change
-- Records in ctaudit.node_change and in the log of the server what was changed of a gateway.
-- Parameters: p_node; p_change, p_former_name, p_retired_at, p_reason   as the table's columns
-- Returns: nothing
-- Tables touched: node_change; node (read)
CREATE OR REPLACE FUNCTION ctaudit.note_change(
    p_node text,
    p_change text,
    p_former_name text,
    p_retired_at timestamptz,
    p_reason text
)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    RAISE LOG 'ctaudit: % %: %', session_user, p_change, jsonb_strip_nulls(jsonb_build_object(
        'node', p_node, 'former_name', p_former_name, 'retired_at', p_retired_at,
        'reason', p_reason
    ));
    INSERT INTO ctaudit.node_change (node_id, change, former_name, retired_at, reason)
    SELECT n.node_id, p_change, p_former_name, p_retired_at, p_reason
    FROM ctaudit.node AS n WHERE n.node = p_node;
END
$function$;
