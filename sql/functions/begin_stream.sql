-- Function: ctaudit.begin_stream
-- Begins a stream at its start note: inserts the node if it is new, the stream, and a gap since
-- the node was last covered.
-- Parameters: as ctaudit.record_note
-- Returns: true: the stream is new; false: it is known already
-- Tables touched: node, stream, gap; coverage (read)
CREATE OR REPLACE FUNCTION ctaudit.begin_stream(
    p_node text,
    p_stream uuid,
    p_until bigint,
    p_at timestamptz,
    p_detail jsonb
)
RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_mode text := coalesce(p_detail ->> 'mode', 'live');
    v_covered timestamptz;
BEGIN
    INSERT INTO ctaudit.node AS n (node, first_seen) VALUES (p_node, p_at)
    ON CONFLICT (node) DO UPDATE SET first_seen = least(n.first_seen, excluded.first_seen)
    WHERE n.first_seen > excluded.first_seen;
    INSERT INTO ctaudit.stream (
        node, stream, mode, started_at, committed_at, position, covered_until, sent_after, detail
    ) VALUES (
        p_node, p_stream, v_mode, p_at, clock_timestamp(), p_until, p_at, p_at, p_detail
    ) ON CONFLICT (node, stream) DO NOTHING;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    -- One name, one gateway: what the earlier stream still sends is told by ctaudit.advance.
    UPDATE ctaudit.stream AS s SET stopped_at = p_at
    WHERE s.node = p_node AND s.stream <> p_stream AND s.stopped_at IS NULL
        -- Another boot has begun before, whatever its clock said.
        AND (s.started_at <= p_at OR s.detail ->> 'boot_id' <> p_detail ->> 'boot_id');
    SELECT max(c.covered_until) INTO v_covered FROM ctaudit.coverage AS c WHERE c.node = p_node;
    IF v_covered IS NOT NULL THEN
        PERFORM ctaudit.open_gap(
            p_node, p_stream, v_mode, least(v_covered, p_at), NULL, 'not listening', NULL,
            jsonb_build_object('started_at', p_at, 'covered_until', v_covered)
        );
    END IF;
    RETURN true;
END
$function$;
