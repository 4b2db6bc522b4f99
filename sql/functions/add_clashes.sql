-- Function: ctaudit.add_clashes
-- Records what a note of clashes hides: UDP connections that began since the look before it and
-- of which the kernel sends no NEW, until their end or the longest UDP time-out tells of them.
-- A busy gateway has some every second: those that come while such a gap is not over extend it.
-- Their ends are sent, so in history mode they hide nothing.
-- Parameters: p_stream, p_at, p_detail   as of ctaudit.record_note
-- Returns: whether a gap was made
-- Tables touched: gap
CREATE OR REPLACE FUNCTION ctaudit.add_clashes(
    p_stream ctaudit.stream,
    p_at timestamptz,
    p_detail jsonb
)
RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_since timestamptz := least(
        ctaudit.detail_time(p_detail, 'since'), p_stream.covered_until
    );
    v_until timestamptz := greatest(v_since, p_at)
        + make_interval(secs => (p_detail ->> 'udp_timeout')::integer);
    v_last ctaudit.gap;
BEGIN
    IF p_stream.mode = 'history' THEN
        RETURN false;
    END IF;
    SELECT * INTO v_last FROM ctaudit.gap AS g
    WHERE g.stream = p_stream.stream AND g.node = p_stream.node AND g.proto = 17
    ORDER BY g.gap_id DESC LIMIT 1;
    -- After a step back of the clock a gap of its own begins.
    IF FOUND AND v_since BETWEEN v_last.gap_from AND v_last.gap_until THEN
        UPDATE ctaudit.gap AS g SET
            lost = g.lost + (p_detail ->> 'count')::bigint,
            gap_until = greatest(g.gap_until, v_until),
            sound_from = greatest(g.sound_from, v_until)
        WHERE g.gap_id = v_last.gap_id;
        RETURN false;
    END IF;
    INSERT INTO ctaudit.gap (
        node, stream, gap_from, gap_until, cause, lost, hides_openings, hides_ends, proto,
        sound_from, detail
    ) VALUES (
        p_stream.node, p_stream.stream, v_since, v_until, 'UDP clash',
        (p_detail ->> 'count')::bigint, true, false, 17, v_until, p_detail
    );
    RETURN true;
END
$function$;
