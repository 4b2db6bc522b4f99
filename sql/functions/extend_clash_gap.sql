-- Function: ctaudit.extend_clash_gap
-- Adds clashes to those of the last gap that they have made, if it was not over: a busy gateway
-- has some every second.
-- Parameters: p_stream, p_at, p_detail   as of ctaudit.record_note
-- Returns: whether there was such a gap
-- Tables touched: gap
CREATE OR REPLACE FUNCTION ctaudit.extend_clash_gap(
    p_stream ctaudit.stream,
    p_at timestamptz,
    p_detail jsonb
)
RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_until timestamptz := p_at + make_interval(secs => (p_detail ->> 'udp_timeout')::integer);
    v_last ctaudit.gap;
BEGIN
    SELECT * INTO v_last FROM ctaudit.gap AS g
    WHERE g.stream = p_stream.stream AND g.node = p_stream.node AND g.proto = 17
    ORDER BY g.gap_id DESC LIMIT 1;
    IF NOT FOUND OR v_last.gap_until < ctaudit.detail_time(p_detail, 'since')
        -- The clock was set back.
        OR p_at < v_last.gap_from
    THEN
        RETURN false;
    END IF;
    UPDATE ctaudit.gap AS g SET
        lost = g.lost + (p_detail ->> 'count')::bigint,
        gap_until = greatest(g.gap_until, v_until),
        sound_from = greatest(g.sound_from, v_until)
    WHERE g.gap_id = v_last.gap_id;
    RETURN true;
END
$function$;
