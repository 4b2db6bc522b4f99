-- Function: ctaudit.silent_query
-- The query that decides which rows of a portion are of connections that ended in silence: no end of
-- theirs is recorded, or one that another opening shares, neither of two dumps shows them, and
-- ctaudit.lives says that they have not ended. Each gets a flow of provenance 'unobserved'. Each row is
-- looked up by index.
-- Parameters: p_portion   a query: the columns of opening_row but provenance; is_entry; seen_at,
--   last_seen_at as of ctaudit.open_query; ends_from: no end of it was received earlier
-- Returns: the text of a query for how many rows the portion has, how many were added, and when the
--   first of these was last seen, both but for those that announce no end. Its parameters:
--   $1 node_id; $2 the dump before, $3 to $6 of ctaudit.recorded_since of it: began_at, entries_from,
--   entries_until, received_until; $7, $8, $9 those of the portion
--   $10 when the one dump began, $11 its dump_id, $16 when it ended; $12 the other one, $15 when it
--   ended; $13, $14 when the entries of both were received
--   $17 of each row all openings are looked for: false: only where its end may be of two in the portion
--   $18 the node; $19 no end was received earlier
-- Tables touched: none; the query: flow_row; opening_row, dump_entry_row, stream, note (read)
CREATE OR REPLACE FUNCTION ctaudit.silent_query(p_portion text)
RETURNS text
LANGUAGE sql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT 'WITH portion AS MATERIALIZED (' || p_portion || $query$),
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
            WHERE c.ends = 0 OR (c.again OR NOT c.timed OR $17) AND EXISTS (
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
                        WHEN NOT c.is_entry THEN l.opened_at = c.received_at
                        -- Where its opening knows more, that is looked at later.
                        ELSE l.entry IS NOT NULL
                            AND (c.started_at IS NOT NULL OR l.opening IS NULL)
                    END
            )
            ORDER BY
                c.zones, c.proto, c.orig_src, c.orig_dst, c.orig_sport, c.orig_dport, c.ct_id,
                c.started_source = 'k' DESC, c.started_at DESC NULLS LAST
            RETURNING started_at, started_source, ended_after
        )
        SELECT
            (SELECT count(*) FROM portion), count(*), min(added.ended_after) FROM added
        -- Whose NEW was heard, or who began when it would have been; and whose end no other store has.
        WHERE (added.started_source IN ('e', 'r') OR added.started_source = 'k' AND EXISTS (
            SELECT FROM ctaudit.announced($18) AS a
            WHERE added.started_at BETWEEN a.announced_from AND a.announced_until
        )) AND NOT (
            ctaudit.elsewhere($18)
            && tstzrange(added.ended_after, greatest($16, added.ended_after), '[]')
        )
    $query$;
$function$;
