-- Procedure: ctaudit.record_note
-- Records one note of the receiver or the recorder. A note that is committed already changes
-- nothing, as with a batch of events.
-- Parameters:
--   p_node, p_stream   whose stream
--   p_from, p_until    the bytes [p_from, p_until) of the stream that hold the note
--   p_at               wall clock time of the note
--   p_note, p_detail   its name and its content; times in it are nanoseconds since 1970
--     start       {mode, timestamp, reliable, earlier, pair, filter, ...}  a new stream; the receiver
--                                       subscribed at p_at. earlier {node, stream}: what its spool
--                                       held before; pair: as ctaudit.declare_pair; filter: as
--                                       ctaudit.change_filter
--     resume      {pair, filter}        the receiver started again and its socket was kept
--     stop        {reason, retired}     the socket is closed, or was found closed; retired true:
--                                       this gateway will record no more
--     overrun     {last_read_at, lost}  the receive buffer was full; lost NULL: number unknown
--     dump begin  {cause, filter}       filter: the digest of the rules
--     dump end    {entries}
--     dropped     {count, from, until}  the receiver discarded events because the spool was full
--     missing     {cause, until}        these bytes of the stream are gone or damaged; all that
--                                       was in them had been received by until
--     undecodable {reason, message, server_words}  one message, in base64: not an event, or
--                                       rejected by the server in these words. It counts as
--                                       received, so it must not be in a batch as well.
--     clock       {step_seconds, synchronised, estimated_error_us, ...}
--     settings    {events, acct, timestamp, last_look, before}  nf_conntrack_events, _acct and
--                 _timestamp as they are now, NULL: unknown; until last_look they were as in
--                 before, which has the same three. Together with the start note's these tell
--                 for each time how a stream was set: their rows are always kept.
--     clashes     {count, since, udp_timeout}  UDP packets of one socket made so many entries of
--                 which the kernel sends no NEW, between since and p_at; udp_timeout: the longest
--                 of UDP, in seconds. Those that belong to the gap of an earlier note have no row
--     scope       {public, internal, hidden, source, since}  ctaudit.change_scope
-- Errors: CT001, CT002 as ctaudit.advance; CT005 as ctaudit.refuse_foreign; 22008 as
--   ctaudit.possible_time
-- Tables touched: node, node_change, stream, coverage, gap, dump, note, undecodable, clock,
--   clock_doubt, scope, pair_proof; by reconcile: opening, flow; dump_entry (read)
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
    PERFORM ctaudit.possible_time(p_at);
    p_node := ctaudit.node_of(p_node, p_stream, (v_detail #>> '{earlier,stream}')::uuid);
    IF p_note <> 'start' OR NOT ctaudit.begin_stream(p_node, p_stream, p_until, p_at, v_detail) THEN
        IF NOT ctaudit.advance(p_node, p_stream, p_from, p_until, NULL, 0, 0) THEN
            RETURN;
        END IF;
    END IF;
    SELECT * INTO STRICT v_stream FROM ctaudit.stream AS s
    WHERE s.node = p_node AND s.stream = p_stream;
    IF p_note = 'clashes' AND NOT ctaudit.add_clashes(v_stream, p_at, v_detail) THEN
        RETURN;
    END IF;
    INSERT INTO ctaudit.note (node, stream, position, at, note, detail)
    VALUES (
        p_node, p_stream, p_from, p_at, p_note,
        CASE p_note WHEN 'undecodable' THEN v_detail - 'message' ELSE v_detail END
    ) ON CONFLICT (node, stream, position) DO NOTHING;

    CASE p_note
    WHEN 'start', 'resume' THEN
        PERFORM ctaudit.declare_pair(v_stream, p_at, v_detail);
        PERFORM ctaudit.change_filter(v_stream, p_from, p_at, v_detail);
    WHEN 'scope' THEN
        PERFORM ctaudit.change_scope(p_node, p_stream, p_from, p_at, v_detail);
    WHEN 'settings' THEN
        PERFORM ctaudit.change_settings(v_stream, v_detail);
    WHEN 'stop' THEN
        PERFORM ctaudit.end_coverage(p_node, p_stream);
        UPDATE ctaudit.stream AS s SET stopped_at = p_at
        WHERE s.node = p_node AND s.stream = p_stream;
        UPDATE ctaudit.gap AS g SET
            gap_until = greatest(p_at, g.gap_from), sound_from = greatest(p_at, g.gap_from)
        WHERE g.node = p_node AND g.stream = p_stream AND g.gap_until IS NULL
            AND g.cause = 'two gateways with one name';
        IF v_detail ->> 'retired' = 'true' THEN
            PERFORM ctaudit.end_node(p_node, p_stream, p_at, v_detail ->> 'reason');
        END IF;
    WHEN 'overrun' THEN
        -- A DRAINED is written only while the kernel's count of drops has not moved, so nothing
        -- that was sent before covered_until is lost, however long ago the last event was read.
        PERFORM ctaudit.open_gap(
            p_node, p_stream, v_stream.mode, v_stream.covered_until, NULL,
            'overrun', (v_detail ->> 'lost')::bigint, v_detail
        );
        PERFORM ctaudit.end_coverage(p_node, p_stream);
    WHEN 'dump begin' THEN
        PERFORM ctaudit.change_filter(v_stream, p_from, p_at, v_detail);
        PERFORM ctaudit.begin_dump(p_node, p_stream, p_from, p_at, v_detail);
    WHEN 'dump end' THEN
        PERFORM ctaudit.end_dump(v_stream, p_at, v_detail);
        PERFORM ctaudit.prove_pair(v_stream);
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
