-- Function: ctaudit.retire_node
-- Says that a gateway is gone: questions about later times do not wait for its record any more.
-- For the owner only, since it turns unknown into none.
-- Parameters:
--   p_node     its name, or one that it had
--   p_at       it is gone since then, no earlier than the last that it recorded; NULL: since that
--   p_reason   is put on record with the login and the time
-- Returns: since when it is gone
-- Errors: P0002 no such gateway; 55000 it records; 22023 several had the name, 22023 it recorded after p_at, or p_at is in the
--   future
-- Tables touched: node, stream, node_change
CREATE OR REPLACE FUNCTION ctaudit.retire_node(
    p_node text,
    p_at timestamptz DEFAULT NULL,
    p_reason text DEFAULT NULL
)
RETURNS timestamptz
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_node CONSTANT text := ctaudit.node_named(p_node);
    v_last timestamptz;
    v_committed timestamptz;
BEGIN
    PERFORM FROM ctaudit.stream AS s WHERE s.node = v_node FOR NO KEY UPDATE;
    PERFORM FROM ctaudit.node AS n WHERE n.node = v_node FOR NO KEY UPDATE;
    IF EXISTS (SELECT FROM ctaudit.import AS i WHERE i.node = v_node) THEN
        RAISE EXCEPTION '% was imported; no question waits for it', v_node USING ERRCODE = '55000';
    END IF;
    SELECT
        max(greatest(s.started_at, s.covered_until, s.stopped_at)),
        max(s.committed_at) FILTER (WHERE s.stopped_at IS NULL)
    INTO v_last, v_committed
    FROM ctaudit.stream AS s WHERE s.node = v_node;
    IF v_committed > clock_timestamp() - interval '1 min' THEN
        RAISE EXCEPTION '% records, its last batch was committed at %; stop its receiver first',
            v_node, v_committed USING ERRCODE = '55000';
    ELSIF p_at < v_last THEN
        RAISE EXCEPTION '% recorded until %, which is after %', v_node, v_last, p_at
            USING ERRCODE = '22023';
    ELSIF p_at > greatest(clock_timestamp(), v_last + interval '1 s') THEN
        RAISE EXCEPTION '% is in the future', p_at USING ERRCODE = '22023';
    END IF;
    p_at := coalesce(p_at, v_last);
    UPDATE ctaudit.stream AS s SET stopped_at = p_at
    WHERE s.node = v_node AND s.stopped_at IS NULL;
    UPDATE ctaudit.node AS n SET retired_at = p_at WHERE n.node = v_node;
    PERFORM ctaudit.note_change(v_node, 'retired', NULL, p_at, p_reason);
    RETURN p_at;
END
$function$;
