-- Function: ctaudit.doubt_clock
-- The wall clock of a gateway was stepped, from v_before to p_at. Which times prove nothing:
--   those that the wrong clock showed, since it was last known to be right;
--   those at which that truly was, if the step has put it right;
--   after a step back, those that come a second time;
--   after a step of a synchronised clock that leaves it unsynchronised, all that follow, until
--   the clock is synchronised or stepped again.
-- It was known to be right when it was last noted as synchronised. Otherwise it may have been
-- wrong since the step before, or since the first of the boots that noted nothing else: from
-- two minutes before its first stream, for the connections that had begun by then.
-- Nothing was lost: coverage ends where the old time ends, and begins where the new one does.
-- Parameters:
--   p_stream         the row of the stream
--   p_at             the wall clock after the step
--   p_step_seconds   by how much it was stepped
--   p_synchronised   whether it is synchronised now; NULL: not known
-- Returns: nothing
-- Tables touched: clock_doubt, coverage, stream, node; clock (read)
CREATE OR REPLACE FUNCTION ctaudit.doubt_clock(
    p_stream ctaudit.stream,
    p_at timestamptz,
    p_step_seconds double precision,
    p_synchronised boolean
)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_step interval := p_step_seconds * interval '1 second';
    v_before timestamptz := p_at - v_step;
    v_known ctaudit.clock;
    v_boots text[];
    v_right timestamptz;
    v_booting interval;
    v_coverage ctaudit.coverage;
BEGIN
    SELECT k.* INTO v_known FROM ctaudit.clock AS k
    WHERE k.node = p_stream.node AND (k.synchronised OR k.step_seconds IS NOT NULL)
    ORDER BY k.clock_id DESC LIMIT 1;
    -- A stream of which no boot is known counts as one of its own.
    SELECT array_agg(coalesce(s.detail ->> 'boot_id', s.stream::text)) INTO v_boots
    FROM ctaudit.stream AS s
    WHERE s.node = p_stream.node AND (s.stream = p_stream.stream OR s.stream IN (
        SELECT k.stream FROM ctaudit.clock AS k
        WHERE k.node = p_stream.node AND k.clock_id > coalesce(v_known.clock_id, 0)
    ));
    SELECT
        CASE WHEN bool_or(s.stream = v_known.stream) THEN v_known.at ELSE min(s.started_at) END,
        CASE WHEN bool_or(s.stream = v_known.stream) THEN interval '0' ELSE interval '2 min' END
    INTO v_right, v_booting
    FROM ctaudit.stream AS s
    WHERE s.node = p_stream.node
        AND coalesce(s.detail ->> 'boot_id', s.stream::text) = ANY (v_boots);
    -- The wrong clock must not make the gateway older, or younger, than it is.
    UPDATE ctaudit.node AS n SET first_seen = n.first_seen + v_step
    WHERE n.node = p_stream.node AND v_known IS NULL AND n.first_seen = v_right
        AND v_before >= v_right;
    -- A step that was noted late: when it was made is not known.
    IF v_before < v_right THEN
        v_before := p_at;
        v_step := interval '0';
    END IF;
    INSERT INTO ctaudit.clock_doubt (node, stream, at, step_seconds, doubt_from, doubt_until)
    SELECT p_stream.node, p_stream.stream, p_at, p_step_seconds, d.doubt_from, d.doubt_until
    FROM (VALUES
        (least(v_right - v_booting, CASE WHEN p_step_seconds < 0 THEN p_at END), v_before),
        (v_right - v_booting + v_step, p_at),
        (CASE WHEN v_known.synchronised AND NOT p_synchronised
            THEN least(v_before, p_at) END, 'infinity')
    ) AS d (doubt_from, doubt_until)
    WHERE d.doubt_from <= d.doubt_until;

    UPDATE ctaudit.coverage AS c
    SET covered_until = greatest(c.covered_from, least(c.covered_until, v_before))
    WHERE c.node = p_stream.node AND c.stream = p_stream.stream
        AND c.covered_from = p_stream.covered_from
    RETURNING c.* INTO v_coverage;
    IF FOUND THEN
        PERFORM ctaudit.begin_coverage(
            p_stream.node, p_stream.stream, p_at, v_coverage.openings, v_coverage.ends
        );
    END IF;
    -- What was sent since then may bear the time after the step, however late it is noted.
    UPDATE ctaudit.stream AS s SET
        covered_until = least(s.covered_until, s.covered_until + p_step_seconds * interval '1 s')
    WHERE s.node = p_stream.node AND s.stream = p_stream.stream;
END
$function$;
