-- Function: ctaudit.add_clashes
-- UDP packets of one socket made entries of which the kernel sends no NEW: openings of UDP may be
-- missing until the last of them is gone. Their ends are sent, so nothing is hidden in history
-- mode. A busy gateway has clashes every second: those that come while such a gap of the stream
-- is not over belong to it.
-- Parameters: p_stream, p_at, p_detail   as of ctaudit.record_note
-- Returns: whether they make a gap of their own
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
    v_since timestamptz := least(ctaudit.detail_time(p_detail, 'since'), p_stream.covered_until);
    v_until timestamptz := greatest(v_since, p_at)
        + make_interval(secs => (p_detail ->> 'udp_timeout')::integer);
    v_count bigint := (p_detail ->> 'count')::bigint;
    v_last ctaudit.gap;
BEGIN
    IF p_stream.mode = 'history' THEN
        RETURN false;
    END IF;
    SELECT * INTO v_last FROM ctaudit.gap AS g
    WHERE g.node = p_stream.node AND g.stream = p_stream.stream AND g.proto = 17
        AND g.gap_from <= v_since
    ORDER BY g.gap_from DESC, g.gap_id DESC LIMIT 1;
    IF v_since <= v_last.gap_until THEN
        UPDATE ctaudit.gap AS g SET
            lost = g.lost + v_count,
            gap_until = greatest(g.gap_until, v_until),
            sound_from = greatest(g.sound_from, v_until)
        WHERE g.gap_id = v_last.gap_id;
        RETURN false;
    END IF;
    INSERT INTO ctaudit.gap (
        node, stream, gap_from, gap_until, cause, lost, hides_openings, hides_ends, sound_from,
        proto, detail
    ) VALUES (
        p_stream.node, p_stream.stream, v_since, v_until, 'clashes', v_count, true, false,
        v_until, 17, p_detail
    );
    RETURN true;
END
$function$;
