-- Function: ctaudit.set_canary
-- The gateway's canary of p_sent_at was found (ctaudit.canary): status, check and metrics show when.
-- Parameters: p_node, p_stream   as ctaudit.canary; p_sent_at   when it was sent
-- Returns: nothing
-- Errors: CT005 as ctaudit.refuse_foreign
-- Tables touched: stream; node, node_change, node_login (read)
CREATE OR REPLACE FUNCTION ctaudit.set_canary(p_node text, p_stream uuid, p_sent_at timestamptz)
RETURNS void
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    p_node := ctaudit.own_node(p_node, p_stream);
    UPDATE ctaudit.stream AS s SET
        detail = s.detail || jsonb_build_object(
            'canary', trunc(extract(epoch FROM p_sent_at) * 1000000)::bigint * 1000
        )
    WHERE s.node = p_node AND s.stream = p_stream;
END
$function$;
