-- Function: ctaudit.revive_node
-- Takes a retirement back: the gateway is asked about all times again. For the owner only.
-- Parameters: p_node   its name, or one that it had; p_reason
-- Returns: nothing
-- Errors: P0002 no such gateway; 22023 several had the name; 55000 it is not retired
-- Tables touched: node, stream, node_change; note (read)
CREATE OR REPLACE FUNCTION ctaudit.revive_node(p_node text, p_reason text DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_node ctaudit.node;
BEGIN
    SELECT * INTO v_node FROM ctaudit.node AS n
    WHERE n.node = ctaudit.node_named(p_node) FOR NO KEY UPDATE;
    IF v_node.retired_at IS NULL THEN
        RAISE EXCEPTION '% is not retired', v_node.node USING ERRCODE = '55000';
    END IF;
    -- What retire_node stopped, and no stop note.
    UPDATE ctaudit.stream AS s SET stopped_at = NULL
    WHERE s.node = v_node.node AND s.stopped_at = v_node.retired_at
        AND NOT EXISTS (
            SELECT FROM ctaudit.note AS m
            WHERE m.node = s.node AND m.stream = s.stream AND m.note = 'stop'
        )
        AND NOT EXISTS (
            SELECT FROM ctaudit.stream AS o
            WHERE o.node = s.node AND o.started_at > s.started_at
        );
    UPDATE ctaudit.node AS n SET retired_at = NULL WHERE n.node = v_node.node;
    PERFORM ctaudit.note_change(v_node.node, 'revived', NULL, NULL, p_reason);
END
$function$;
