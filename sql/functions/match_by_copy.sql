-- Function: ctaudit.match_by_copy
-- Leaves to ctaudit.compare_entries those entries of a portion of a dump that the copy of what is open
-- since the dump before does not show, and of which no end was received since this dump began. An
-- entry that is matched here would be matched there: what the copy shows is not known to have ended.
-- Parameters:
--   p_stream, p_dump, p_earlier   as of ctaudit.match_entries; the copy has passed the dump's end
--   p_until                       the entries received after dump.matched_until, and until then
-- Returns: nothing
-- Errors: 40001 as ctaudit.refuse_moved
-- Tables touched: unmatched_entry; live_copy, live_place, dump_entry_row, opening_row, flow_row, stream,
--   dump, clock_doubt (read)
CREATE OR REPLACE FUNCTION ctaudit.match_by_copy(
    p_stream ctaudit.stream,
    p_dump ctaudit.dump,
    p_earlier bigint,
    p_until timestamptz
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
        p_stream.node, p_earlier, p_stream.covered_until
    );
    v_copy ctaudit.live_copy;
BEGIN
    SELECT c.* INTO STRICT v_copy FROM ctaudit.live_copy AS c
    WHERE c.node_id = p_stream.node_id AND c.dump_id = coalesce(p_earlier, 0);
    -- In the copy one end has closed one opening, so no id is looked at again.
    EXECUTE ctaudit.open_query(v_copy, NULL, NULL, '{}') || $query$
        INSERT INTO ctaudit.unmatched_entry
        SELECT e.* FROM ctaudit.dump_entry_row AS e
        WHERE - e.dump_id = - $12 AND e.node_id = $1 AND e.received_at BETWEEN $13 AND $14
            AND e.received_at > $15 AND e.received_at <= $16
            AND NOT EXISTS (
                SELECT FROM unended AS s
                WHERE s.ct_id = e.ct_id AND s.orig_sport = e.orig_sport
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
            AND NOT EXISTS (
                SELECT FROM ctaudit.flow_row AS f
                WHERE f.node_id = $1 AND f.received_at >= $17 AND f.received_at < $6
                    AND f.ct_id = e.ct_id AND f.orig_sport = e.orig_sport
                    AND ctaudit.same_tuple(
                        f.zones, f.proto, f.orig_src, f.orig_dst, f.orig_sport, f.orig_dport,
                        f.ct_id, e.zones, e.proto, e.orig_src, e.orig_dst, e.orig_sport,
                        e.orig_dport, e.ct_id
                    ) IS TRUE
                    AND ctaudit.closes(
                        $17, e.started_at, 'kernel', NULL, f.received_at, f.started_at
                    )
            )
    $query$
    USING p_stream.node_id, p_earlier, v_since.began_at, v_since.entries_from,
        v_since.entries_until, v_copy.copied_until, NULL::inet, NULL::integer, v_copy.copied_until,
        NULL::timestamptz, NULL::bigint[], p_dump.dump_id, p_dump.began_at - interval '2 hours',
        p_dump.ended_at + interval '2 hours', p_dump.matched_until, p_until, p_dump.began_at;
    PERFORM ctaudit.refuse_moved(v_copy, p_stream.node, p_earlier);
END
$function$;
