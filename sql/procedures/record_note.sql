-- Procedure: ctaudit.record_note
-- Records one note of the receiver or the recorder. A note that is committed already changes
-- nothing, as with a batch of events.
-- Parameters:
--   p_node, p_stream   whose stream
--   p_from, p_until    the bytes [p_from, p_until) of the stream that hold the note
--   p_at               wall clock time of the note
--   p_note, p_detail   its name and its content; times in it are nanoseconds since 1970
--     start       {mode, timestamp, reliable, ...}  a new stream; the receiver subscribed at p_at
--     resume      {}                    the receiver started again and its socket was kept
--     stop        {}                    the socket is closed, or was found closed
--     overrun     {last_read_at, lost}  the receive buffer was full; lost NULL: number unknown
--     dump begin  {cause}
--     dump end    {entries}
--     dropped     {count, from, until}  the receiver discarded events because the spool was full
--     missing     {cause, until}        these bytes of the stream are gone or damaged; all that
--                                       was in them had been received by until
--     undecodable {reason, message, server_words}  one message, in base64: not an event, or
--                                       rejected by the server in these words. It counts as
--                                       received, so it must not be in a batch as well.
--     clashes     {count, since, udp_timeout}  UDP packets of one socket made entries of which
--                                       the kernel sends no NEW, between since and p_at;
--                                       udp_timeout: the longest of UDP, in seconds
--     clock       {step_seconds, synchronised, estimated_error_us, ...}
--     scope       {public, internal, hidden, source, since}  ctaudit.change_scope
-- Errors: CT001, CT002 as ctaudit.advance
-- Tables touched: node, stream, coverage, gap, dump, note, undecodable, clock, clock_doubt,
--   scope; by reconcile: opening, flow; dump_entry (read)
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
    v_stream ctaudit.stream;
    v_until timestamptz := ctaudit.detail_time(v_detail, 'until');
    v_dropped bigint;
    v_step double precision := (v_detail ->> 'step_seconds')::double precision;
BEGIN
    IF p_note <> 'start' OR NOT ctaudit.begin_stream(p_node, p_stream, p_until, p_at, v_detail) THEN
        IF NOT ctaudit.advance(p_node, p_stream, p_from, p_until, NULL, 0, 0) THEN
            RETURN;
        END IF;
    END IF;
    SELECT * INTO STRICT v_stream FROM ctaudit.stream AS s
    WHERE s.node = p_node AND s.stream = p_stream;
    INSERT INTO ctaudit.note (node, stream, position, at, note, detail)
    VALUES (
        p_node, p_stream, p_from, p_at, p_note,
        CASE p_note WHEN 'undecodable' THEN v_detail - 'message' ELSE v_detail END
    ) ON CONFLICT (node, stream, position) DO NOTHING;

    CASE p_note
    WHEN 'scope' THEN
        PERFORM ctaudit.change_scope(p_node, p_stream, p_from, p_at, v_detail);
    WHEN 'stop' THEN
        PERFORM ctaudit.end_coverage(p_node, p_stream);
        UPDATE ctaudit.stream AS s SET stopped_at = p_at
        WHERE s.node = p_node AND s.stream = p_stream;
    WHEN 'overrun' THEN
        PERFORM ctaudit.open_gap(
            p_node, p_stream, v_stream.mode,
            least(v_stream.covered_until, ctaudit.detail_time(v_detail, 'last_read_at')), NULL,
            'overrun', (v_detail ->> 'lost')::bigint, v_detail
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
        PERFORM ctaudit.end_dump(v_stream, p_at, v_detail);
    WHEN 'dropped' THEN
        v_dropped := coalesce((v_detail ->> 'count')::bigint, 1);
        PERFORM ctaudit.open_gap(
            p_node, p_stream, v_stream.mode,
            least(ctaudit.detail_time(v_detail, 'from'), v_stream.covered_until),
            coalesce(v_until, p_at), 'spool full', v_dropped, v_detail
        );
        PERFORM ctaudit.end_coverage(p_node, p_stream);
        UPDATE ctaudit.stream AS s SET dropped = s.dropped + v_dropped
        WHERE s.node = p_node AND s.stream = p_stream;
    WHEN 'missing' THEN
        PERFORM ctaudit.open_gap(
            p_node, p_stream, v_stream.mode, v_stream.covered_until, v_until,
            coalesce(v_detail ->> 'cause', 'missing'), NULL, v_detail
        );
        PERFORM ctaudit.end_coverage(p_node, p_stream);
        -- A connection whose opening is missing stays unknown until its end or a dump, so only
        -- ends are covered again.
        IF v_until IS NOT NULL AND v_stream.mode <> 'nat' THEN
            PERFORM ctaudit.begin_coverage(p_node, p_stream, v_until, false, true);
        END IF;
    WHEN 'undecodable' THEN
        -- It may have been an opening, whose connection is unknown until a dump shows it.
        PERFORM ctaudit.open_gap(
            p_node, p_stream, v_stream.mode, least(v_stream.covered_until, p_at), NULL,
            'undecodable', 1, v_detail - 'message'
        );
        INSERT INTO ctaudit.undecodable (node, stream, position, at, reason, server_words, message)
        VALUES (
            p_node, p_stream, p_from, p_at, coalesce(v_detail ->> 'reason', 'unknown'),
            v_detail ->> 'server_words', decode(v_detail ->> 'message', 'base64')
        );
        -- If a dump runs, it may have been one of its entries.
        UPDATE ctaudit.stream AS s SET
            received = s.received + 1, undecodable = s.undecodable + 1, dump_id = NULL
        WHERE s.node = p_node AND s.stream = p_stream;
    WHEN 'clashes' THEN
        IF v_stream.mode <> 'history' THEN
            INSERT INTO ctaudit.gap (
                node, stream, gap_from, gap_until, cause, lost, hides_openings, hides_ends, proto,
                sound_from, detail
            )
            SELECT
                p_node, p_stream, s.since, u.until, 'clashes', (v_detail ->> 'count')::bigint,
                true, false, 17, u.until, v_detail
            FROM (SELECT ctaudit.detail_time(v_detail, 'since') AS since) AS s,
                LATERAL (SELECT greatest(s.since, p_at)
                    + (v_detail ->> 'udp_timeout')::integer * interval '1 s' AS until) AS u;
        END IF;
    WHEN 'clock' THEN
        IF v_step IS NOT NULL OR (v_detail ->> 'synchronised')::boolean THEN
            DELETE FROM ctaudit.clock_doubt AS k
            WHERE k.node = p_node AND k.doubt_until = 'infinity';
        END IF;
        IF v_step IS NOT NULL THEN
            PERFORM ctaudit.doubt_clock(
                v_stream, p_at, v_step, (v_detail ->> 'synchronised')::boolean
            );
        END IF;
        INSERT INTO ctaudit.clock (
            node, stream, at, step_seconds, synchronised, estimated_error_us, detail
        ) VALUES (
            p_node, p_stream, p_at, v_step, (v_detail ->> 'synchronised')::boolean,
            (v_detail ->> 'estimated_error_us')::bigint, v_detail
        );
    ELSE
        NULL;
    END CASE;
END
$procedure$;
