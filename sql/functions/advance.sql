-- Function: ctaudit.advance
-- Moves a stream's position, accounting and coverage for one batch: what every record
-- procedure calls first. It locks the stream's row, so two recorders of one stream take turns.
-- Parameters:
--   p_node, p_stream    whose stream
--   p_from, p_until     its bytes [p_from, p_until) that the batch holds
--   p_covered_until     all that the kernel sent before this stands before p_until; NULL: unknown
--   p_received          events in the batch
--   p_kept              those of them that the caller stores; the others count as filtered
-- Returns: true: go on and store; false: the batch is committed already, do nothing.
-- Errors: CT001 the position does not fit, CT002 the stream is not known.
-- Tables touched: stream, coverage; by reconcile: dump, gap, opening, flow, dump_entry
CREATE OR REPLACE FUNCTION ctaudit.advance(
    p_node text,
    p_stream uuid,
    p_from bigint,
    p_until bigint,
    p_covered_until timestamptz,
    p_received bigint,
    p_kept bigint
)
RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_stream_row ctaudit.stream;
BEGIN
    IF p_from IS NULL OR p_until IS NULL OR p_until < p_from THEN
        RAISE EXCEPTION 'not a span of a stream: from % until %', p_from, p_until
            USING ERRCODE = 'CT001';
    END IF;
    SELECT * INTO v_stream_row FROM ctaudit.stream AS s
    WHERE s.node = p_node AND s.stream = p_stream
    FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'stream % of node % is not known; its start note comes first',
            p_stream, p_node USING ERRCODE = 'CT002';
    END IF;
    IF v_stream_row.position <> p_from THEN
        IF v_stream_row.position >= p_until THEN
            RETURN false;
        END IF;
        RAISE EXCEPTION 'stream % of node % is committed until %, the batch begins at %',
            p_stream, p_node, v_stream_row.position, p_from USING ERRCODE = 'CT001';
    END IF;
    IF v_stream_row.pending_dump_id IS NOT NULL THEN
        PERFORM ctaudit.reconcile(p_node, p_stream);
    END IF;
    UPDATE ctaudit.stream AS s SET
        position = p_until,
        committed_at = clock_timestamp(),
        sent_after = s.covered_until,
        covered_until = greatest(s.covered_until, p_covered_until),
        received = s.received + p_received,
        stored = s.stored + p_kept,
        filtered = s.filtered + p_received - p_kept
    WHERE s.node = p_node AND s.stream = p_stream;
    IF v_stream_row.covered_from IS NOT NULL THEN
        UPDATE ctaudit.coverage AS c SET covered_until = p_covered_until
        WHERE c.node = p_node AND c.stream = p_stream AND c.covered_from = v_stream_row.covered_from
            AND c.covered_until < p_covered_until;
    END IF;
    RETURN true;
END
$function$;
