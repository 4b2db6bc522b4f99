-- Function: ctaudit.search_silent
-- Takes a portion of a search for connections that ended in silence: they had begun before one
-- dump, neither it nor the dump that is reconciled shows them, and no end is recorded. Each gets a
-- flow of provenance 'unobserved', whose end lies between two times, without counters.
-- Looked at are the entries of the search's earlier dump, then the openings received since it
-- began, in their order. Nearly all have an end, or are in a dump, which one look-up by index
-- tells; ctaudit.lives decides about the others.
-- Parameters:
--   p_stream   the row of the stream
--   p_search   the search
--   p_rows     how many rows to look at; those received at the same moment are taken together
-- Returns: how many rows were looked at; fewer than p_rows: the search is over
-- Tables touched: search, flow_row; opening_row, dump_entry_row, dump, stream, clock_doubt, gap (read)
CREATE OR REPLACE FUNCTION ctaudit.search_silent(
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
            r.received_at, r.started_at,
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
            r.received_at, r.started_at, r.started_source, r.started_after,
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
        EXECUTE 'WITH portion AS MATERIALIZED (' || v_rows || $query$),
            looked AS MATERIALIZED (
                SELECT c.*, ended.number AS ends, ended.timed,
                    count(*) OVER (PARTITION BY c.ct_id) > 1 AS again
                FROM portion AS c, LATERAL (
                    SELECT count(*) AS number, bool_and(f.started_at IS NOT NULL) AS timed
                    FROM ctaudit.flow_row AS f
                    WHERE f.reply_dport = c.reply_dport AND f.reply_dst = c.reply_dst
                        AND f.node_id = $1
                        AND ctaudit.index_time(f.received_at) >= ctaudit.index_time(c.ends_from)
                        AND f.received_at >= $19 AND f.received_at < $6
                        AND ctaudit.same_tuple(
                            f.zones, f.proto, f.orig_src, f.orig_dst, f.orig_sport, f.orig_dport,
                            f.ct_id, c.zones, c.proto, c.orig_src, c.orig_dst, c.orig_sport,
                            c.orig_dport, c.ct_id
                        )
                        AND ctaudit.closes(
                            c.seen_at, c.started_at, ctaudit.time_source_of(c.started_source),
                            c.started_after, f.received_at, f.started_at
                        )
                ) AS ended
                -- The start is no later than a receiver's time of it, so these had begun before the
                -- dump. One that the receiver read later may have begun, or ended, while the dump ran.
                WHERE coalesce(c.started_at, c.last_seen_at) < $10
            ),
            loose AS MATERIALIZED (
                SELECT c.* FROM looked AS c
                -- One end closes one opening.
                WHERE c.ends = 0 OR (c.again OR NOT c.timed) AND EXISTS (
                    SELECT FROM ctaudit.opening_row AS o
                    WHERE o.reply_dport = c.reply_dport AND o.reply_dst = c.reply_dst
                        AND o.node_id = $1
                        AND ctaudit.index_time(o.received_at) >= ctaudit.index_time($3)
                        AND o.received_at >= $3 AND o.received_at < $6
                        AND ctaudit.same_tuple(
                            o.zones, o.proto, o.orig_src, o.orig_dst, o.orig_sport, o.orig_dport,
                            o.ct_id, c.zones, c.proto, c.orig_src, c.orig_dst, c.orig_sport,
                            c.orig_dport, c.ct_id
                        )
                    OFFSET 1
                )
            ),
            doubtful AS MATERIALIZED (
                SELECT c.* FROM loose AS c
                WHERE NOT EXISTS (
                    SELECT FROM ctaudit.dump_entry_row AS e
                    WHERE e.reply_dport = c.reply_dport AND e.reply_dst = c.reply_dst
                        AND e.dump_id IN ($11, $12) AND e.node_id = $1
                        AND e.received_at BETWEEN $13 AND $14
                        AND ctaudit.same_tuple(
                            c.zones, c.proto, c.orig_src, c.orig_dst, c.orig_sport, c.orig_dport,
                            c.ct_id, e.zones, e.proto, e.orig_src, e.orig_dst, e.orig_sport,
                            e.orig_dport, e.ct_id
                        )
                        AND ctaudit.closes(
                            c.last_seen_at, c.started_at, ctaudit.time_source_of(c.started_source),
                            c.started_after, e.received_at, e.started_at
                        )
                )
            ),
            added AS (
                INSERT INTO ctaudit.flow_row (
                    received_at, started_at, started_source, ended_after, ended_before, provenance,
                    ct_id, mark, zones, orig_sport, orig_dport, reply_sport, reply_dport, status,
                    node_id, proto, state, orig_src, orig_dst, reply_src, reply_dst, helper, labels
                )
                SELECT DISTINCT ON (
                    c.zones, c.proto, c.orig_src, c.orig_dst, c.orig_sport, c.orig_dport, c.ct_id
                )
                    $15, c.started_at, c.started_source, c.last_seen_at, $16, 'u', c.ct_id, c.mark,
                    c.zones, c.orig_sport, c.orig_dport, c.reply_sport, c.reply_dport, c.status,
                    c.node_id, c.proto, c.state, c.orig_src, c.orig_dst, c.reply_src, c.reply_dst,
                    c.helper, c.labels
                FROM doubtful AS c, LATERAL (SELECT $query$
                    || ctaudit.sightings_query('c', 'c.ends_from') || $query$ OFFSET 0
                ) AS known (sightings)
                WHERE EXISTS (
                    SELECT FROM ctaudit.lives(known.sightings) AS l
                    WHERE l.gone_at IS NULL
                        AND CASE
                            WHEN NOT $17 THEN l.opened_at = c.received_at
                            -- Where its opening knows more, that is looked at later.
                            ELSE l.entry IS NOT NULL
                                AND (c.started_at IS NOT NULL OR l.opening IS NULL)
                        END
                )
                ORDER BY
                    c.zones, c.proto, c.orig_src, c.orig_dst, c.orig_sport, c.orig_dport, c.ct_id,
                    c.started_source = 'k' DESC, c.started_at DESC NULLS LAST
                RETURNING started_at, ended_after
            )
            SELECT
                (SELECT count(*) FROM portion), count(*), min(added.ended_after) FROM added
            -- What began while events were off announces no end, even after they are on again.
            WHERE NOT EXISTS (
                SELECT FROM ctaudit.gap AS g
                WHERE g.node = $18 AND g.cause = 'nf_conntrack_events = 0'
                    AND added.started_at BETWEEN g.gap_from AND coalesce(g.gap_until, 'infinity')
            )
        $query$ INTO v_looked, v_number, v_seen_at
        USING p_stream.node_id, p_search.since_dump_id, v_since.began_at, v_since.entries_from,
            v_since.entries_until, v_since.received_until, v_after, v_until, v_since.is_ordered,
            v_gone.began_at, v_gone.dump_id, v_shown.dump_id,
            least(v_gone.began_at, v_shown.began_at) - interval '2 hours',
            v_shown.ended_at + interval '2 hours', v_shown.ended_at, v_gone.ended_at, v_are_entries,
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
