-- Function: ctaudit.end_node
-- Retires a gateway by what its own spool says: its last stream has stopped, and no other
-- follows. Where the record does not confirm that (the stop note is missing, or another stream
-- of the node goes on, as with a copied spool), nothing happens and the gateway stays asked.
-- Parameters:
--   p_node, p_stream   its last stream
--   p_at               it is gone since then
--   p_reason
-- Returns: nothing
-- Tables touched: node, node_change; stream, note (read)
CREATE OR REPLACE FUNCTION ctaudit.end_node(
    p_node text,
    p_stream uuid,
    p_at timestamptz,
    p_reason text
)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_retired_at timestamptz;
BEGIN
    UPDATE ctaudit.node AS n SET retired_at = greatest(p_at, s.stopped_at, s.covered_until)
    FROM ctaudit.stream AS s
    WHERE n.node = p_node AND s.node = n.node AND s.stream = p_stream
        AND EXISTS (
            SELECT FROM ctaudit.note AS m
            WHERE m.node = s.node AND m.stream = s.stream AND m.note = 'stop'
        )
        AND NOT EXISTS (
            SELECT FROM ctaudit.stream AS o
            WHERE o.node = s.node AND (o.stopped_at IS NULL OR o.started_at > s.started_at)
        )
    RETURNING n.retired_at INTO v_retired_at;
    IF FOUND THEN
        PERFORM ctaudit.note_change(p_node, 'retired', NULL, v_retired_at, p_reason);
    END IF;
END
$function$;
