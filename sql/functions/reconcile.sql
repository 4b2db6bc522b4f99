-- Function: ctaudit.reconcile
-- Compares the ended dump of a stream with the connections recorded as open. It does so once
-- all that the kernel sent before the end of the dump is recorded: until then a NEW or DESTROY
-- may still follow, and the same opening or end would be recorded twice.
--   In the dump, but no opening is recorded (live, nat): an opening of provenance 'dump'
--   (ctaudit.compare_entries).
--   Recorded as open before the dump began, but not in the dump (live): a flow of provenance
--   'unobserved' (ctaudit.begin_search, ctaudit.search_silent).
-- One call takes a portion of the work, and the next goes on where it ended: no CALL may take
-- longer because more has happened since the last dump.
-- Parameters:
--   p_node, p_stream   whose dump; the caller holds the lock on the row of the stream
--   p_rows             how many rows to look at
-- Returns: nothing. What dumps prove that the kernel did not announce makes a gap and a warning
--          (CT004), which the recorder writes to the journal
-- Tables touched: stream, dump, unmatched_entry, search, opening, flow, gap; dump_entry (read)
CREATE OR REPLACE FUNCTION ctaudit.reconcile(
    p_node text,
    p_stream uuid,
    p_rows bigint DEFAULT 2000
)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_stream ctaudit.stream;
    v_dump ctaudit.dump;
    v_earlier ctaudit.dump;
    v_search ctaudit.search;
    v_left bigint := p_rows;
    v_taken bigint;
BEGIN
    SELECT * INTO STRICT v_stream FROM ctaudit.stream AS s
    WHERE s.node = p_node AND s.stream = p_stream;
    SELECT * INTO v_dump FROM ctaudit.dump AS d WHERE d.dump_id = v_stream.pending_dump_id;
    IF NOT FOUND OR v_stream.covered_until < v_dump.ended_at THEN
        RETURN;
    END IF;
    IF v_dump.heard_until IS NULL THEN
        SELECT * INTO v_earlier FROM ctaudit.dump AS d
        WHERE d.dump_id = ctaudit.last_dump(p_node, v_dump.began_at, true);
        IF v_stream.mode IN ('live', 'nat') THEN
            v_taken := ctaudit.compare_entries(v_stream, v_dump, v_earlier.dump_id, v_left);
            IF v_taken = v_left THEN
                RETURN;
            END IF;
            v_left := v_left - v_taken;
        END IF;
        UPDATE ctaudit.dump AS d SET heard_until = v_stream.covered_until
        WHERE d.dump_id = v_dump.dump_id
        RETURNING d.* INTO v_dump;
        IF v_dump.unannounced > 0 THEN
            PERFORM ctaudit.open_gap(
                p_node, p_stream, v_stream.mode,
                coalesce(v_earlier.ended_at, v_stream.started_at), NULL, 'not announced',
                v_dump.unannounced, jsonb_build_object('dump_id', v_dump.dump_id)
            );
            RAISE WARNING 'gateway %: a table dump shows % connections whose opening the kernel '
                'did not announce; since %', p_node, v_dump.unannounced,
                coalesce(v_earlier.ended_at, v_stream.started_at) USING ERRCODE = 'CT004';
        END IF;
        PERFORM ctaudit.begin_search(v_stream, v_dump, v_earlier);
    END IF;

    LOOP
        SELECT * INTO v_search FROM ctaudit.search AS h
        WHERE h.dump_id = v_dump.dump_id ORDER BY h.tells LIMIT 1;
        EXIT WHEN NOT FOUND;
        v_taken := ctaudit.search_silent(v_stream, v_search, v_left);
        IF v_taken >= v_left THEN
            RETURN;
        END IF;
        v_left := v_left - v_taken;
        IF v_search.openings_until IS NOT NULL THEN
            PERFORM ctaudit.end_search(v_stream, v_search);
        END IF;
    END LOOP;
    UPDATE ctaudit.dump AS d SET reconciled_at = clock_timestamp()
    WHERE d.dump_id = v_dump.dump_id;
    UPDATE ctaudit.stream AS s SET pending_dump_id = NULL
    WHERE s.node = p_node AND s.stream = p_stream;
END
$function$;
