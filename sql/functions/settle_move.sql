-- Function: ctaudit.settle_move
-- Says that another store goes on with a gateway that this one has handed over (ctaudit.take_over
-- there). Until then it is nobody's, and each question about later times is unknown here
-- (ctaudit.left_at). It may be repeated. For the owner only.
-- Parameters: p_node, p_to   as of ctaudit.hand_over
-- Returns: whether that was not known yet
-- Errors: P0002 no such gateway; 55000 it was not handed over to p_to
-- Tables touched: stream; node, node_change (read)
CREATE OR REPLACE FUNCTION ctaudit.settle_move(p_node text, p_to text)
RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_node CONSTANT text := ctaudit.node_named(p_node);
    v_stream ctaudit.stream;
BEGIN
    SELECT * INTO v_stream FROM ctaudit.stream AS s WHERE s.node = v_node
    ORDER BY s.started_at DESC, s.committed_at DESC LIMIT 1 FOR NO KEY UPDATE;
    IF v_stream.detail ->> 'moved_to' IS DISTINCT FROM p_to THEN
        RAISE EXCEPTION '% was not handed over to %', v_node, p_to USING ERRCODE = '55000';
    END IF;
    UPDATE ctaudit.stream AS s
    SET detail = s.detail || jsonb_build_object('settled_at', clock_timestamp())
    WHERE s.node = v_node AND s.stream = v_stream.stream AND s.detail -> 'settled_at' IS NULL;
    RETURN FOUND;
END
$function$;
