-- Function: ctaudit.search_by_rows
-- Takes a portion of a search for connections that ended in silence where there is no copy
-- (ctaudit.search_silent): the entries of the search's earlier dump, then the openings received since
-- it began, in their order. Nearly all have an end, or are in a dump, which one look-up by index
-- tells; ctaudit.lives decides about the others.
-- Parameters: as of ctaudit.search_silent; those received at the same moment are taken together
-- Returns: how many rows were looked at; fewer than p_rows: the search is over
-- Tables touched: search, flow_row; opening_row, dump_entry_row, dump, stream, clock_doubt, gap (read)
CREATE OR REPLACE FUNCTION ctaudit.search_by_rows(
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
    v_shown ctaudit.dump;
    v_gone ctaudit.dump;
    v_since record := ctaudit.recorded_since(
        p_stream.node, p_search.since_dump_id, p_stream.covered_until
    );
    v_are_entries CONSTANT boolean := p_search.openings_until IS NULL;
    v_after CONSTANT timestamptz := coalesce(p_search.openings_until, p_search.entries_until);
    v_rows CONSTANT text := CASE WHEN v_are_entries THEN $query$
        SELECT
            true AS is_entry, r.received_at, r.started_at,
            CASE WHEN r.started_at IS NULL THEN 'd'::"char" ELSE 'k' END AS started_source,
            NULL::timestamptz AS started_after, $3 AS seen_at, $3 AS last_seen_at, $3 AS ends_from,
            r.ct_id, r.mark, r.zones, r.orig_sport, r.orig_dport, r.reply_sport, r.reply_dport,
            r.status, r.node_id, r.proto, r.state, r.orig_src, r.orig_dst, r.reply_src,
            r.reply_dst, r.helper, r.labels
        FROM ctaudit.dump_entry_row AS r
        WHERE - r.dump_id = - $2 AND r.node_id = $1 AND r.received_at BETWEEN $4 AND $5
            AND r.received_at > $7 AND r.received_at <= $8
    $query$ ELSE $query$
        SELECT
            false AS is_entry, r.received_at, r.started_at, r.started_source, r.started_after,
            r.received_at AS seen_at, coalesce(r.started_after, r.started_at) AS last_seen_at,
            CASE WHEN $9 THEN greatest($3, r.received_at - interval '1 min') ELSE $3 END
                AS ends_from,
            r.ct_id, r.mark, r.zones, r.orig_sport, r.orig_dport, r.reply_sport, r.reply_dport,
            r.status, r.node_id, r.proto, r.state, r.orig_src, r.orig_dst, r.reply_src,
            r.reply_dst, r.helper, r.labels
        FROM ctaudit.opening_row AS r
        WHERE - r.node_id = - $1 AND ctaudit.receipt(r.received_at) > $7
            AND ctaudit.receipt(r.received_at) <= $8
            AND r.received_at > $7 AND r.received_at <= $8
    $query$ END;
    v_last CONSTANT timestamptz := 'infinity';
    v_until timestamptz;
    v_looked bigint;
    v_number bigint;
    v_seen_at timestamptz;
BEGIN
    SELECT * INTO STRICT v_shown FROM ctaudit.dump AS d WHERE d.dump_id = p_search.dump_id;
    SELECT * INTO STRICT v_gone FROM ctaudit.dump AS d WHERE d.dump_id = p_search.gone_dump_id;
    v_until := CASE WHEN v_are_entries THEN v_since.entries_until
        WHEN v_since.is_ordered THEN v_gone.heard_until + interval '1 min' ELSE v_last END;
    EXECUTE 'SELECT count(*), CASE WHEN count(*) = $10 THEN max(p.received_at) ELSE $8 END FROM ('
        || v_rows || ' ORDER BY '
        || CASE WHEN v_are_entries THEN 'r.received_at' ELSE 'ctaudit.receipt(r.received_at)' END
        || ' LIMIT $10) AS p'
    INTO v_looked, v_until
    USING p_stream.node_id, p_search.since_dump_id, v_since.began_at, v_since.entries_from,
        v_since.entries_until, v_since.received_until, v_after, v_until, v_since.is_ordered, p_rows;
    IF v_looked > 0 THEN
        EXECUTE ctaudit.silent_query(v_rows) INTO v_looked, v_number, v_seen_at
        USING p_stream.node_id, p_search.since_dump_id, v_since.began_at, v_since.entries_from,
            v_since.entries_until, v_since.received_until, v_after, v_until, v_since.is_ordered,
            v_gone.began_at, v_gone.dump_id, v_shown.dump_id,
            least(v_gone.began_at, v_shown.began_at) - interval '2 hours',
            v_shown.ended_at + interval '2 hours', v_shown.ended_at, v_gone.ended_at, false,
            p_stream.node, CASE
                WHEN v_are_entries OR NOT v_since.is_ordered THEN v_since.began_at
                ELSE greatest(v_since.began_at, v_after - interval '1 min')
            END;
    END IF;
    UPDATE ctaudit.search AS h SET
        entries_until = CASE WHEN v_are_entries THEN v_until ELSE h.entries_until END,
        openings_until = CASE
            WHEN NOT v_are_entries THEN v_until
            WHEN v_looked < p_rows THEN v_since.began_at - interval '1 us'
        END,
        number = h.number + coalesce(v_number, 0),
        last_seen_at = least(h.last_seen_at, v_seen_at)
    WHERE h.dump_id = p_search.dump_id AND h.tells = p_search.tells;
    RETURN v_looked;
END
$function$;
