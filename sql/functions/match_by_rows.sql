-- Function: ctaudit.match_by_rows
-- Leaves to ctaudit.compare_entries those entries of a portion of a dump that are neither of a
-- connection of the dump before nor of an opening received since it began, and those of which an end
-- was received since: each is looked up by index.
-- Parameters:
--   p_stream, p_dump, p_earlier   as of ctaudit.match_entries
--   p_until                       the entries received after dump.matched_until, and until then
-- Returns: nothing
-- Tables touched: unmatched_entry; opening_row, dump_entry_row, flow_row, dump, stream, clock_doubt
--   (read)
CREATE OR REPLACE FUNCTION ctaudit.match_by_rows(
    p_stream ctaudit.stream,
    p_dump ctaudit.dump,
    p_earlier bigint,
    p_until timestamptz
)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
-- A partition that has no statistics yet is not to be read whole for each entry, nor once into a
-- hash table, which OFFSET 0 prevents.
SET enable_seqscan = off
SET enable_bitmapscan = off
SET jit = off
AS $function$
DECLARE
    v_since CONSTANT record := ctaudit.recorded_since(
        p_stream.node, p_earlier, p_stream.covered_until
    );
BEGIN
    EXECUTE $query$
        INSERT INTO ctaudit.unmatched_entry
        SELECT e.* FROM ctaudit.dump_entry_row AS e
        WHERE - e.dump_id = - $7 AND e.node_id = $1 AND e.received_at BETWEEN $8 AND $9
            AND e.received_at > $10 AND e.received_at <= $11
            AND (NOT (
                EXISTS (
                    SELECT FROM ctaudit.dump_entry_row AS r
                    WHERE r.reply_dport = e.reply_dport AND r.reply_dst = e.reply_dst
                        AND r.dump_id = $2 AND r.node_id = $1 AND r.received_at BETWEEN $4 AND $5
                        AND ctaudit.same_tuple(
                            r.zones, r.proto, r.orig_src, r.orig_dst, r.orig_sport, r.orig_dport,
                            r.ct_id, e.zones, e.proto, e.orig_src, e.orig_dst, e.orig_sport,
                            e.orig_dport, e.ct_id
                        )
                        AND ctaudit.closes(
                            $3, r.started_at, 'kernel', NULL, e.received_at, e.started_at
                        )
                    OFFSET 0
                )
                OR EXISTS (
                    SELECT FROM ctaudit.opening_row AS r
                    WHERE r.reply_dport = e.reply_dport AND r.reply_dst = e.reply_dst
                        AND r.node_id = $1
                        AND ctaudit.index_time(r.received_at) >= ctaudit.index_time($3)
                        AND r.received_at >= $3 AND r.received_at < $6
                        AND ctaudit.same_tuple(
                            r.zones, r.proto, r.orig_src, r.orig_dst, r.orig_sport, r.orig_dport,
                            r.ct_id, e.zones, e.proto, e.orig_src, e.orig_dst, e.orig_sport,
                            e.orig_dport, e.ct_id
                        )
                        AND ctaudit.closes(
                            coalesce(r.started_after, r.started_at), r.started_at,
                            ctaudit.time_source_of(r.started_source), r.started_after,
                            e.received_at, e.started_at
                        )
                    OFFSET 0
                )
            )
            OR EXISTS (
                SELECT FROM ctaudit.flow_row AS r
                WHERE r.reply_dport = e.reply_dport AND r.reply_dst = e.reply_dst AND r.node_id = $1
                    AND ctaudit.index_time(r.received_at) >= ctaudit.index_time($3)
                    AND r.received_at >= $3 AND r.received_at < $6
                    AND ctaudit.same_tuple(
                        r.zones, r.proto, r.orig_src, r.orig_dst, r.orig_sport, r.orig_dport,
                        r.ct_id, e.zones, e.proto, e.orig_src, e.orig_dst, e.orig_sport,
                        e.orig_dport, e.ct_id
                    )
                OFFSET 0
            ))
    $query$
    USING p_stream.node_id, p_earlier, v_since.began_at, v_since.entries_from,
        v_since.entries_until, v_since.received_until, p_dump.dump_id,
        CASE WHEN v_since.is_ordered THEN p_dump.began_at - interval '2 hours' ELSE '-infinity' END,
        CASE WHEN v_since.is_ordered THEN p_dump.ended_at + interval '2 hours' ELSE 'infinity' END,
        p_dump.matched_until, p_until;
END
$function$;
