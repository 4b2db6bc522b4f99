-- Function: ctaudit.filter_at
-- The filter rules that a stream said last before a position, for its recorder, which may begin to
-- read there.
-- Parameters: p_node, p_stream   whose stream; the name may be one that the node had
--   p_position
-- Returns: {digest, where, rules, ...} as ctaudit.change_filter keeps it; NULL: all is recorded, or
--          the stream is not known
-- Errors: CT005 as ctaudit.refuse_foreign
-- Tables touched: stream, node, node_change, node_login (read)
CREATE OR REPLACE FUNCTION ctaudit.filter_at(p_node text, p_stream uuid, p_position bigint)
RETURNS jsonb
LANGUAGE plpgsql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    p_node := ctaudit.own_node(p_node, p_stream);
    RETURN (
        SELECT e.held
        FROM ctaudit.stream AS s,
            jsonb_array_elements(s.detail -> 'filters') WITH ORDINALITY AS e (held, number)
        WHERE s.node = p_node AND s.stream = p_stream
            AND (e.held ->> 'position')::bigint < p_position
        ORDER BY e.number DESC LIMIT 1
    );
END
$function$;
