-- Function: ctaudit.advance
-- Moves the position, the counters and the coverage of a stream over one batch. Each record
-- procedure calls it first. It locks the row of the stream, so two recorders of one stream
-- take turns. A dump that has ended is reconciled a portion a call; while the recorder is behind,
-- that takes a tenth of the time at most, so that recording goes on.
-- Parameters:
--   p_node, p_stream   whose stream
--   p_from, p_until    the bytes [p_from, p_until) of the stream that the batch was read from
--   p_covered_until    all that the kernel sent before this time stands before p_until in the
--                      stream; NULL: nothing is known
--   p_events           how many events the batch has
--   p_stored           how many of them the caller stores; the others are counted as filtered
--   p_kinds            the kinds of event (ctaudit.event) that the caller stores
-- Returns: true: the caller stores the batch; false: the batch is committed already and the
--          caller does nothing
-- Errors: CT001 the batch does not begin at the position of the stream;
--         CT002 the stream is not known;
--         CT003 the stream holds a kind of event that the caller does not store, so that what is
--         covered would not be what is recorded;
--         CT005 as ctaudit.refuse_foreign; 22008 as ctaudit.possible_time
-- Tables touched: stream, coverage; by reconcile: dump, opening, flow; gap, dump_entry, node_login
--   (read)
CREATE OR REPLACE FUNCTION ctaudit.advance(
    p_node text,
    p_stream uuid,
    p_from bigint,
    p_until bigint,
    p_covered_until timestamptz,
    p_events bigint,
    p_stored bigint,
    p_kinds smallint[] DEFAULT '{1,3,4}'
)
RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_stream ctaudit.stream;
    v_began timestamptz;
    v_next timestamptz;
BEGIN
    PERFORM ctaudit.refuse_foreign(p_node);
    PERFORM ctaudit.possible_time(p_covered_until);
    IF p_from IS NULL OR p_until IS NULL OR p_until < p_from THEN
        RAISE EXCEPTION 'not a span of a stream: from % until %', p_from, p_until
            USING ERRCODE = 'CT001';
    END IF;
    SELECT * INTO v_stream FROM ctaudit.stream AS s
    WHERE s.node = p_node AND s.stream = p_stream
    FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'stream % of node % is not known; its start note comes first',
            p_stream, p_node USING ERRCODE = 'CT002';
    END IF;
    IF NOT p_kinds @> (CASE v_stream.mode
        WHEN 'live' THEN '{1,3,4}' WHEN 'nat' THEN '{1,4}' ELSE '{3,4}' END)::smallint[]
    THEN
        RAISE EXCEPTION 'stream % of node % was received in mode %, the procedure stores kinds %',
            p_stream, p_node, v_stream.mode, p_kinds
            USING ERRCODE = 'CT003', HINT = 'Record it with the procedure of its mode.';
    END IF;
    IF p_events > 0 AND p_until = p_from THEN
        RAISE EXCEPTION 'stream % of node %: % events in no byte', p_stream, p_node, p_events
            USING ERRCODE = 'CT001';
    END IF;
    IF v_stream.position <> p_from THEN
        IF v_stream.position >= p_until THEN
            RETURN false;
        END IF;
        RAISE EXCEPTION 'stream % of node % is committed until %, the batch begins at %',
            p_stream, p_node, v_stream.position, p_from USING ERRCODE = 'CT001';
    END IF;
    v_next := v_stream.next_portion_at;
    IF v_stream.pending_dump_id IS NOT NULL AND (
        NOT ctaudit.is_behind(p_events, coalesce(p_covered_until, v_stream.covered_until))
        OR coalesce(v_next <= clock_timestamp(), true)
    ) THEN
        v_began := clock_timestamp();
        PERFORM ctaudit.reconcile(p_node, p_stream);
        v_next := clock_timestamp() + 9 * (clock_timestamp() - v_began);
    END IF;
    UPDATE ctaudit.stream AS s SET
        position = p_until,
        committed_at = clock_timestamp(),
        sent_after = s.covered_until,
        covered_until = greatest(s.covered_until, p_covered_until),
        received = s.received + p_events,
        stored = s.stored + p_stored,
        filtered = s.filtered + p_events - p_stored,
        next_portion_at = v_next
    WHERE s.node = p_node AND s.stream = p_stream;
    IF v_stream.stopped_at < p_covered_until THEN
        PERFORM ctaudit.extend_twin_gap(v_stream, p_covered_until);
    END IF;
    IF p_covered_until > v_stream.covered_until + interval '1 hour' THEN
        INSERT INTO ctaudit.late_read (node, stream, sent_from, read_at)
        VALUES (p_node, p_stream, v_stream.covered_until, p_covered_until)
        ON CONFLICT DO NOTHING;
    END IF;
    IF v_stream.covered_from IS NOT NULL THEN
        UPDATE ctaudit.coverage AS c SET covered_until = p_covered_until
        WHERE c.node = p_node AND c.stream = p_stream AND c.covered_from = v_stream.covered_from
            AND c.covered_until < p_covered_until;
    END IF;
    RETURN true;
END
$function$;
