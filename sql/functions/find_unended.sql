-- Function: ctaudit.find_unended
-- Finds what is left to decide of a search for connections that ended in silence: what the copy of
-- what has been open since its earlier dump shows, and had begun before the one dump, but neither
-- that dump nor the one that is reconciled shows.
-- Parameters:
--   p_stream, p_search   as of ctaudit.search_silent; the copy has passed search.entries_until
-- Returns: nothing
-- Errors: 40001 as ctaudit.refuse_moved
-- Tables touched: unended_row; live_copy, live_place, opening_row, dump_entry_row, flow_row, dump,
--   stream, clock_doubt (read)
CREATE OR REPLACE FUNCTION ctaudit.find_unended(
    p_stream ctaudit.stream,
    p_search ctaudit.search
)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET enable_hashjoin = on
SET enable_bitmapscan = on
SET enable_nestloop = off
SET enable_mergejoin = off
SET enable_sort = off
SET enable_seqscan = off
SET work_mem = '64MB'
SET jit = off
AS $function$
DECLARE
    v_since CONSTANT record := ctaudit.recorded_since(
        p_stream.node, p_search.since_dump_id, p_stream.covered_until
    );
    v_shown ctaudit.dump;
    v_gone ctaudit.dump;
    v_copy ctaudit.live_copy;
BEGIN
    SELECT * INTO STRICT v_shown FROM ctaudit.dump AS d WHERE d.dump_id = p_search.dump_id;
    SELECT * INTO STRICT v_gone FROM ctaudit.dump AS d WHERE d.dump_id = p_search.gone_dump_id;
    SELECT c.* INTO STRICT v_copy FROM ctaudit.live_copy AS c
    WHERE c.node_id = p_stream.node_id AND c.dump_id = coalesce(p_search.since_dump_id, 0);
    -- In the copy one end has closed one opening, so no id is looked at again. What was found when
    -- the one dump was reconciled bears its time.
    EXECUTE ctaudit.open_query(v_copy, NULL, NULL, '{}') || $query$
        INSERT INTO ctaudit.unended_row (
            received_at, started_at, dump_id, ct_id, mark, zones, orig_sport, orig_dport,
            reply_sport, reply_dport, status, node_id, proto, state, orig_src, orig_dst, reply_src,
            reply_dst, helper, labels, started_source, started_after, is_entry, tells
        )
        SELECT
            s.received_at, s.started_at, $12, s.ct_id, s.mark, s.zones, s.orig_sport, s.orig_dport,
            s.reply_sport, s.reply_dport, s.status, $1, s.proto, s.state, s.orig_src, s.orig_dst,
            s.reply_src, s.reply_dst, s.helper, s.labels, left(s.started_source::text, 1)::"char",
            s.started_after, s.kind = 'entry', $13
        FROM unended AS s
        WHERE coalesce(s.started_at, s.last_seen_at) < $14
            AND NOT EXISTS (
                SELECT FROM ctaudit.dump_entry_row AS e
                WHERE - e.dump_id = ANY ($15) AND e.node_id = $1
                    AND e.received_at BETWEEN $16 AND $17
                    AND e.ct_id = s.ct_id AND e.orig_sport = s.orig_sport
                    AND ctaudit.same_tuple(
                        s.zones, s.proto, s.orig_src, s.orig_dst, s.orig_sport, s.orig_dport,
                        s.ct_id, e.zones, e.proto, e.orig_src, e.orig_dst, e.orig_sport,
                        e.orig_dport, e.ct_id
                    ) IS TRUE
                    AND ctaudit.closes(
                        s.last_seen_at, s.started_at, s.started_source, s.started_after,
                        e.received_at, e.started_at
                    )
            )
        ORDER BY s.kind, s.received_at
    $query$
    USING p_stream.node_id, p_search.since_dump_id, v_since.began_at, v_since.entries_from,
        v_since.entries_until, v_copy.copied_until, NULL::inet, NULL::integer, v_copy.copied_until,
        v_gone.ended_at, NULL::bigint[], p_search.dump_id, p_search.tells, v_gone.began_at,
        ARRAY[- v_gone.dump_id, - v_shown.dump_id],
        least(v_gone.began_at, v_shown.began_at) - interval '2 hours',
        v_shown.ended_at + interval '2 hours';
    PERFORM ctaudit.refuse_moved(v_copy, p_stream.node, p_search.since_dump_id);
END
$function$;
