-- Function: ctaudit.revive_node
-- Takes a retirement back: the gateway is asked about all times again. For the owner only.
-- Parameters: p_node; p_reason
-- Returns: nothing
-- Errors: P0002 no such gateway; 55000 it is not retired
-- Tables touched: node, stream, node_change; note (read)
CREATE OR REPLACE FUNCTION ctaudit.revive_node(p_node text, p_reason text DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_node ctaudit.node;
BEGIN
    SELECT * INTO v_node FROM ctaudit.node AS n WHERE n.node = p_node FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no gateway is named %', p_node USING ERRCODE = 'P0002';
    ELSIF v_node.retired_at IS NULL THEN
        RAISE EXCEPTION '% is not retired', p_node USING ERRCODE = '55000';
    END IF;
    -- What retire_node stopped, and no stop note.
    UPDATE ctaudit.stream AS s SET stopped_at = NULL
    WHERE s.node = p_node AND s.stopped_at = v_node.retired_at
        AND NOT EXISTS (
            SELECT FROM ctaudit.note AS m
            WHERE m.node = s.node AND m.stream = s.stream AND m.note = 'stop'
        )
        AND NOT EXISTS (
            SELECT FROM ctaudit.stream AS o
            WHERE o.node = s.node AND o.started_at > s.started_at
        );
    UPDATE ctaudit.node AS n SET retired_at = NULL WHERE n.node = p_node;
    PERFORM ctaudit.note_change(p_node, 'revived', NULL, NULL, p_reason);
END
$function$;
