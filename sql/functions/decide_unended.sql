-- Function: ctaudit.decide_unended
-- Takes a portion of what ctaudit.find_unended has found: ctaudit.lives decides about each, first the
-- entries, then the openings in the order of receipt.
-- Parameters:
--   p_stream, p_search   as of ctaudit.search_silent
--   p_rows               how many to take; fewer where these take longer than a fifth of a second
-- Returns: how many there were; p_rows: there may be more
-- Tables touched: unended_row, search, flow_row; opening_row, dump_entry_row, dump, stream, clock_doubt,
--   gap (read)
CREATE OR REPLACE FUNCTION ctaudit.decide_unended(
    p_stream ctaudit.stream,
    p_search ctaudit.search,
    p_rows bigint
)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET jit = off
AS $function$
DECLARE
    v_since CONSTANT record := ctaudit.recorded_since(
        p_stream.node, p_search.since_dump_id, p_stream.covered_until
    );
    v_began_at CONSTANT timestamptz := clock_timestamp();
    v_portion bigint := 250;
    v_done bigint := 0;
    v_are_entries boolean;
    v_shown ctaudit.dump;
    v_gone ctaudit.dump;
    v_taken bigint;
    v_number bigint;
    v_seen_at timestamptz;
BEGIN
    SELECT * INTO STRICT v_shown FROM ctaudit.dump AS d WHERE d.dump_id = p_search.dump_id;
    SELECT * INTO STRICT v_gone FROM ctaudit.dump AS d WHERE d.dump_id = p_search.gone_dump_id;
    LOOP
        SELECT u.is_entry INTO v_are_entries FROM ctaudit.unended_row AS u
        WHERE u.dump_id = p_search.dump_id AND u.tells = p_search.tells
        ORDER BY u.unended_id LIMIT 1;
        IF NOT FOUND THEN
            RETURN v_done;
        END IF;
        IF v_done = p_rows OR clock_timestamp() > v_began_at + interval '0.2 s' THEN
            RETURN p_rows;
        END IF;
        v_portion := least(v_portion, p_rows - v_done);
        EXECUTE ctaudit.silent_query($query$
            DELETE FROM ctaudit.unended_row AS u
            WHERE u.dump_id = $12 AND u.tells = $20 AND u.unended_id IN (
                SELECT n.unended_id FROM ctaudit.unended_row AS n
                WHERE n.dump_id = $12 AND n.tells = $20 AND n.is_entry = $21
                ORDER BY n.unended_id LIMIT $7
            )
            RETURNING
                u.is_entry, u.received_at, u.started_at, u.started_source, u.started_after,
                CASE WHEN u.is_entry THEN $3 ELSE u.received_at END AS seen_at,
                CASE WHEN u.is_entry THEN $3 ELSE coalesce(u.started_after, u.started_at) END
                    AS last_seen_at,
                CASE WHEN u.is_entry THEN $3 ELSE greatest($3, u.received_at - interval '1 min') END
                    AS ends_from,
                u.ct_id, u.mark, u.zones, u.orig_sport, u.orig_dport, u.reply_sport, u.reply_dport,
                u.status, u.node_id, u.proto, u.state, u.orig_src, u.orig_dst, u.reply_src,
                u.reply_dst, u.helper, u.labels
        $query$) INTO v_taken, v_number, v_seen_at
        USING p_stream.node_id, p_search.since_dump_id, v_since.began_at, v_since.entries_from,
            v_since.entries_until, v_since.received_until, v_portion, NULL::text, NULL::text,
            v_gone.began_at, v_gone.dump_id, v_shown.dump_id,
            least(v_gone.began_at, v_shown.began_at) - interval '2 hours',
            v_shown.ended_at + interval '2 hours', v_shown.ended_at, v_gone.ended_at, true,
            p_stream.node, v_since.began_at, p_search.tells, v_are_entries;
        UPDATE ctaudit.search AS h SET
            number = h.number + v_number, last_seen_at = least(h.last_seen_at, v_seen_at)
        WHERE h.dump_id = p_search.dump_id AND h.tells = p_search.tells;
        v_done := v_done + v_taken;
        v_portion := 4 * v_portion;
    END LOOP;
END
$function$;
