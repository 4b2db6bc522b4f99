-- Function: ctaudit.traffic_of
-- What flowed at one node in a span, counted from the rows that the span needs:
--   entries from the last dump before it (of the two days before) to the first one after it;
--   ends until two hours after that one, since what outlived it stands in it;
--   openings since the last dump, of which no entry can tell; all of the span's where the kernel
--   does not stamp starts, and in nat mode.
-- Without a dump after the span, ends are read up to now. A dump of a clock that was ahead does not
-- count: it is older than it says.
-- Parameters:
--   p_node             the node
--   p_from, p_until    the span
--   p_origin, p_bucket where the first bucket begins, no later than p_from; the length of one
--   p_by, p_asked      as of ctaudit.traffic_query
-- Returns: a row for each bucket and party with a connection; a bucket that the span cuts has what
--   lies in the span
-- Tables touched: dump, stream, and those of the query (read)
CREATE OR REPLACE FUNCTION ctaudit.traffic_of(
    p_node ctaudit.node,
    p_from timestamptz,
    p_until timestamptz,
    p_origin timestamptz,
    p_bucket interval,
    p_by text,
    p_asked text
)
RETURNS SETOF ctaudit.traffic_share
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
SET enable_nestloop = off
SET jit = off
SET work_mem = '64MB'
AS $function$
DECLARE
    v_before ctaudit.dump;
    v_after ctaudit.dump;
    v_last timestamptz;
    v_is_timed boolean;
BEGIN
    SELECT * INTO v_before FROM ctaudit.dump AS d
    WHERE d.node = p_node.node AND d.ended_at BETWEEN p_from - interval '2 days' AND p_from
        AND NOT ctaudit.was_ahead(d)
    ORDER BY d.ended_at DESC, d.dump_id DESC LIMIT 1;
    SELECT * INTO v_after FROM ctaudit.dump AS d
    WHERE d.node = p_node.node AND d.began_at >= p_until AND d.ended_at >= p_until
        AND NOT ctaudit.was_ahead(d)
    ORDER BY d.ended_at, d.dump_id LIMIT 1;
    v_last := coalesce(v_after.began_at, (
        SELECT d.began_at FROM ctaudit.dump AS d
        WHERE d.node = p_node.node AND d.ended_at IS NOT NULL AND NOT ctaudit.was_ahead(d)
        ORDER BY d.ended_at DESC, d.dump_id DESC LIMIT 1
    ));
    SELECT coalesce(bool_and(s.mode <> 'nat' AND s.detail ->> 'timestamp' = '1'), false)
    INTO v_is_timed
    FROM ctaudit.stream AS s WHERE s.node = p_node.node;
    RETURN QUERY EXECUTE ctaudit.traffic_query(p_by, p_asked) USING
        p_from, p_until, p_origin, (date_part('epoch', p_bucket) * 1000000)::bigint,
        p_node.node_id,
        coalesce(
            CASE WHEN v_is_timed THEN v_last - interval '1 min' END, v_before.began_at,
            p_from - interval '2 days'
        ),
        p_until + interval '2 hours',
        least(p_from, v_before.began_at) - interval '2 hours',
        coalesce(v_after.ended_at, 'infinity') + interval '2 hours',
        coalesce(v_before.began_at - interval '1 min', p_from),
        -- What has a later time has that of a clock that was wrong.
        coalesce(v_after.ended_at + interval '1 min', now() + interval '1 day'),
        coalesce(v_last, '-infinity'), v_before.dump_id IS NOT NULL;
    PERFORM ctaudit.refuse_rewritten();
END
$function$;
