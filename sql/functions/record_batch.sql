-- Function: ctaudit.record_batch
-- Records one batch of events: what ctaudit.record_live, record_nat and record_history share.
-- In a reliable stream of a mode that stores openings, an end whose opening was lost also gives the
-- opening, with provenance 'late'.
-- Parameters:
--   p_node, p_stream   whose stream
--   p_from, p_until    the bytes [p_from, p_until) of the stream that the batch was read from;
--                      a batch that is committed already changes nothing
--   p_covered_until    all that the kernel sent before this time stands before p_until in the
--                      stream; NULL: nothing is known
--   p_kinds            the kinds of event (ctaudit.event) to store; the others are filtered
--   p_columns          the events
-- Returns: nothing
-- Errors: CT001, CT002 as ctaudit.advance; CT005 as ctaudit.refuse_foreign; 22008 as
--   ctaudit.refuse_impossible_times
-- Tables touched: stream, coverage, opening, flow, dump_entry; by forget_sums: summed_day; by
--   reconcile: dump, gap (read); node, node_change, node_login (read)
CREATE OR REPLACE FUNCTION ctaudit.record_batch(
    p_node text,
    p_stream uuid,
    p_from bigint,
    p_until bigint,
    p_covered_until timestamptz,
    p_kinds smallint[],
    p_columns ctaudit.event_columns
)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_stream ctaudit.stream;
    v_stored bigint;
    v_late bigint;
BEGIN
    PERFORM ctaudit.refuse_impossible_times(p_columns);
    p_node := ctaudit.node_of(p_node, p_stream);
    -- Most batches have no other kinds; to count one by one costs as much as a column of the rows.
    IF p_columns.kind <@ p_kinds THEN
        v_stored := cardinality(p_columns.kind);
    ELSE
        SELECT count(*) INTO v_stored
        FROM (SELECT unnest(p_columns.kind) AS kind) AS e WHERE e.kind = ANY (p_kinds);
    END IF;
    IF NOT ctaudit.advance(
        p_node, p_stream, p_from, p_until, p_covered_until, cardinality(p_columns.kind), v_stored,
        p_kinds
    ) THEN
        RETURN;
    END IF;
    SELECT * INTO STRICT v_stream FROM ctaudit.stream AS s
    WHERE s.node = p_node AND s.stream = p_stream;
    IF v_stream.sent_after < clock_timestamp() - interval '2 hours' THEN
        PERFORM ctaudit.forget_sums(v_stream.node_id, v_stream.sent_after, p_columns);
    END IF;
    IF 1 = ANY (p_kinds) AND 1 = ANY (p_columns.kind) THEN
        PERFORM ctaudit.insert_openings(v_stream.node_id, v_stream.sent_after, p_columns);
    END IF;
    IF 1 = ANY (p_kinds) AND 3 = ANY (p_columns.kind)
        AND v_stream.detail ->> 'reliable' = 'true'
    THEN
        v_late := ctaudit.insert_late_openings(
            v_stream.node_id, p_columns, 3 = ANY (p_kinds)
        );
        -- Where the end is stored as well, its event is counted as stored already.
        IF v_late > 0 AND NOT 3 = ANY (p_kinds) THEN
            UPDATE ctaudit.stream AS s SET
                stored = s.stored + v_late, filtered = s.filtered - v_late
            WHERE s.node = p_node AND s.stream = p_stream;
        END IF;
    END IF;
    IF 3 = ANY (p_kinds) AND 3 = ANY (p_columns.kind) THEN
        PERFORM ctaudit.insert_ends(v_stream.node_id, p_columns);
    END IF;
    IF 4 = ANY (p_kinds) AND 4 = ANY (p_columns.kind) THEN
        PERFORM ctaudit.insert_entries(v_stream.node_id, v_stream.dump_id, p_columns);
    END IF;
    -- Otherwise ctaudit.advance has taken a portion.
    IF v_stream.sent_after < (
        SELECT d.ended_at FROM ctaudit.dump AS d WHERE d.dump_id = v_stream.pending_dump_id
    ) THEN
        PERFORM ctaudit.reconcile(p_node, p_stream);
    END IF;
END
$function$;
