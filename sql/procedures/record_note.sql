-- Procedure: ctaudit.record_note
-- Records a note of the receiver or the recorder, exactly once, like a batch of events.
-- Parameters:
--   p_node, p_stream   whose stream
--   p_from, p_until    the note's bytes [p_from, p_until) in it
--   p_at               wall clock of the note
--   p_note, p_detail   which, and what it says; times in it are nanoseconds since 1970
--     start      {mode, ...}             a new stream, subscribed at p_at
--     resume     {}                      the receiver came back, its socket had lived on
--     stop       {}                      the socket is closed, or was found so
--     overrun    {last_read_at, lost}    the receive buffer overran
--     dump begin {cause}, dump end {entries}
--     dropped    {count, from, until}    dropped at the bound of the spool
--     missing    {from, until, cause}    these bytes of the stream are gone or damaged
--     undecodable {reason, message, server_words, count}  could not be decoded, or was refused
--                                        by the database; message is base64; it counts as
--                                        received and undecodable, so no batch may hold it as well
--     clock      {step_seconds, synchronised, estimated_error_us, ...}
-- Errors: CT001 the position does not fit, CT002 the stream is not known.
-- Tables touched: node, stream, coverage, gap, dump, note, undecodable, clock
CREATE OR REPLACE PROCEDURE ctaudit.record_note(
    p_node text,
    p_stream uuid,
    p_from bigint,
    p_until bigint,
    p_at timestamptz,
    p_note text,
    p_detail jsonb
)
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $procedure$
DECLARE
    v_detail jsonb := coalesce(p_detail, '{}');
    v_stream_row ctaudit.stream;
    v_from timestamptz := ctaudit.detail_time(v_detail, 'from');
    v_until timestamptz := ctaudit.detail_time(v_detail, 'until');
    v_count bigint := coalesce((v_detail ->> 'count')::bigint, 1);
BEGIN
    IF p_note <> 'start' OR NOT ctaudit.begin_stream(p_node, p_stream, p_until, p_at, v_detail) THEN
        IF NOT ctaudit.advance(p_node, p_stream, p_from, p_until, NULL, 0, 0) THEN
            RETURN;
        END IF;
    END IF;
    SELECT * INTO STRICT v_stream_row FROM ctaudit.stream AS s
    WHERE s.node = p_node AND s.stream = p_stream;
    IF p_note <> 'heartbeat' THEN
        INSERT INTO ctaudit.note (node, stream, position, at, note, detail)
        VALUES (
            p_node, p_stream, p_from, p_at, p_note,
            CASE p_note WHEN 'undecodable' THEN v_detail - 'message' ELSE v_detail END
        ) ON CONFLICT (node, stream, position) DO NOTHING;
    END IF;

    CASE p_note
    WHEN 'stop' THEN
        PERFORM ctaudit.end_coverage(p_node, p_stream);
        UPDATE ctaudit.stream AS s SET stopped_at = p_at
        WHERE s.node = p_node AND s.stream = p_stream;
    WHEN 'overrun' THEN
        PERFORM ctaudit.open_gap(
            p_node, p_stream, v_stream_row.mode,
            least(v_stream_row.covered_until, ctaudit.detail_time(v_detail, 'last_read_at')), NULL,
            'overrun', coalesce(v_detail ->> 'lost', v_detail ->> 'drops')::bigint, v_detail
        );
        PERFORM ctaudit.end_coverage(p_node, p_stream);
    WHEN 'dump begin' THEN
        WITH dump AS (
            INSERT INTO ctaudit.dump (node, stream, position, began_at, cause)
            VALUES (p_node, p_stream, p_from, p_at, v_detail ->> 'cause')
            RETURNING dump_id
        )
        UPDATE ctaudit.stream AS s SET dump_id = dump.dump_id FROM dump
        WHERE s.node = p_node AND s.stream = p_stream;
    WHEN 'dump end' THEN
        PERFORM ctaudit.end_dump(v_stream_row, p_at, v_detail);
    WHEN 'dropped' THEN
        PERFORM ctaudit.open_gap(
            p_node, p_stream, v_stream_row.mode, least(v_from, v_stream_row.covered_until),
            coalesce(v_until, p_at), 'spool full', v_count, v_detail
        );
        PERFORM ctaudit.end_coverage(p_node, p_stream);
        UPDATE ctaudit.stream AS s SET dropped = s.dropped + v_count
        WHERE s.node = p_node AND s.stream = p_stream;
    WHEN 'missing' THEN
        PERFORM ctaudit.open_gap(
            p_node, p_stream, v_stream_row.mode, coalesce(v_from, v_stream_row.covered_until), v_until,
            coalesce(v_detail ->> 'cause', 'missing'), NULL, v_detail
        );
        PERFORM ctaudit.end_coverage(p_node, p_stream);
        -- An opening that was lost stays unknown until its end or a dump; an end does not.
        IF v_until IS NOT NULL AND v_stream_row.mode <> 'nat' THEN
            PERFORM ctaudit.begin_coverage(p_node, p_stream, v_until, false, true);
        END IF;
    WHEN 'undecodable' THEN
        -- If it was an opening, its connection is hidden until a dump shows it.
        PERFORM ctaudit.open_gap(
            p_node, p_stream, v_stream_row.mode, least(v_stream_row.covered_until, p_at), NULL,
            'undecodable', v_count, v_detail - 'message'
        );
        INSERT INTO ctaudit.undecodable (node, stream, position, at, reason, server_words, message)
        VALUES (
            p_node, p_stream, p_from, p_at, coalesce(v_detail ->> 'reason', 'unknown'),
            v_detail ->> 'server_words', decode(v_detail ->> 'message', 'base64')
        );
        UPDATE ctaudit.stream AS s SET
            received = s.received + v_count, undecodable = s.undecodable + v_count
        WHERE s.node = p_node AND s.stream = p_stream;
    WHEN 'clock' THEN
        INSERT INTO ctaudit.clock (
            node, stream, at, step_seconds, synchronised, estimated_error_us, detail
        ) VALUES (
            p_node, p_stream, p_at, (v_detail ->> 'step_seconds')::double precision,
            (v_detail ->> 'synchronised')::boolean, (v_detail ->> 'estimated_error_us')::bigint,
            v_detail
        );
        -- After a step back, what is sent bears times that have been there before.
        IF (v_detail ->> 'step_seconds')::double precision < 0 THEN
            UPDATE ctaudit.stream AS s SET covered_until = least(s.covered_until, p_at)
            WHERE s.node = p_node AND s.stream = p_stream;
        END IF;
    ELSE
        NULL;
    END CASE;
END
$procedure$;
