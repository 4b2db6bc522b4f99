-- Function: ctaudit.extend_twin_gap
-- Another stream of the node has begun, and this one goes on: two gateways use one name, and
-- neither record says what the other saw. The other may have been there before it recorded, so
-- the gap reaches from the start of this stream to its stop, or until both have made way for a
-- later stream (ctaudit.end_dump).
-- Whatever the mode, it may hide openings and ends: those of the other.
-- Where no other has begun, the stream was taken for stopped by ctaudit.retire_node: it goes on.
-- Parameters: p_stream   the row of the earlier stream; p_until   it covers until then
-- Returns: nothing
-- Tables touched: gap, stream
CREATE OR REPLACE FUNCTION ctaudit.extend_twin_gap(p_stream ctaudit.stream, p_until timestamptz)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_mode CONSTANT text := 'live';
BEGIN
    IF NOT EXISTS (
        SELECT FROM ctaudit.stream AS o
        WHERE o.node = p_stream.node AND o.stream <> p_stream.stream
            AND o.started_at >= p_stream.stopped_at
    ) THEN
        UPDATE ctaudit.stream AS s SET stopped_at = NULL
        WHERE s.node = p_stream.node AND s.stream = p_stream.stream;
        RETURN;
    END IF;
    UPDATE ctaudit.gap AS g SET
        gap_until = NULL, sound_from = NULL,
        detail = g.detail || jsonb_build_object('sent_until', p_until)
    WHERE g.node = p_stream.node AND g.stream = p_stream.stream
        AND g.cause = 'two gateways with one name' AND g.gap_from = p_stream.started_at;
    IF NOT FOUND THEN
        PERFORM ctaudit.open_gap(
            p_stream.node, p_stream.stream, v_mode, p_stream.started_at, NULL,
            'two gateways with one name', 0,
            jsonb_build_object('stopped_at', p_stream.stopped_at, 'sent_until', p_until)
        );
    END IF;
END
$function$;
