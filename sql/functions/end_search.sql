-- Function: ctaudit.end_search
-- Ends a search. Where it tells, connections whose end the kernel did not announce make a gap, and
-- the copy of what has been open since its earlier dump is not needed any more.
-- Parameters:
--   p_stream   the row of the stream
--   p_search   the search that is over
-- Returns: nothing
-- Tables touched: search, gap, live_copy, live_place; dump (read)
CREATE OR REPLACE FUNCTION ctaudit.end_search(p_stream ctaudit.stream, p_search ctaudit.search)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_found ctaudit.search;
    v_gone ctaudit.dump;
BEGIN
    DELETE FROM ctaudit.search AS h
    WHERE h.dump_id = p_search.dump_id AND h.tells = p_search.tells
    RETURNING h.* INTO v_found;
    IF v_found.tells THEN
        DELETE FROM ctaudit.live_copy AS c
        WHERE c.node_id = p_stream.node_id AND c.dump_id <= coalesce(v_found.since_dump_id, 0);
    END IF;
    SELECT * INTO STRICT v_gone FROM ctaudit.dump AS d WHERE d.dump_id = v_found.gone_dump_id;
    -- A DESTROY that was lost within a minute of the dump is none that was never sent.
    IF v_found.tells AND v_found.number > 0 AND NOT EXISTS (
        SELECT FROM ctaudit.gap AS g
        WHERE g.node = p_stream.node AND g.hides_ends
            AND g.gap_from <= v_gone.ended_at + interval '1 min'
            AND coalesce(g.sound_from, 'infinity') >= v_gone.began_at
            AND g.detail ->> 'dump_id' IS DISTINCT FROM v_found.dump_id::text
    ) THEN
        PERFORM ctaudit.open_gap(
            p_stream.node, p_stream.stream, p_stream.mode, v_found.last_seen_at, NULL,
            'end not announced', v_found.number,
            jsonb_build_object('dump_id', v_found.dump_id)
        );
        RAISE WARNING 'gateway %: two table dumps do not show % connections whose end the '
            'kernel did not announce; since %', p_stream.node, v_found.number,
            v_found.last_seen_at USING ERRCODE = 'CT004';
    END IF;
END
$function$;
