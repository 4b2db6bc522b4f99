-- Function: ctaudit.connection_query
-- The query of ctaudit.who and ctaudit.flows for one node: it fetches what may be of a
-- connection that was alive in the asked span, has ctaudit.lives put it together, and says of
-- each connection whether it was surely alive in the span.
--   A connection was surely alive from the latest time at which it may have begun to its end,
--   or, while no end is recorded, for as long as its end would have been heard: of one that
--   dumps alone have shown, only where the kernel announced it when it began.
-- The query is text, so that the server plans it for the values asked for and opens only the
-- partitions that they need.
--
-- Parameters:
--   p_seen   ctaudit.seen_query for the conditions of the question
-- Returns: a query for rows of ctaudit.connection with the parameters
--   $1, $2      the asked span [from, until)
--   $3          the node
--   $4, $5      received_at of openings, from and until
--   $6, $7      dump_id of the dumps before and after the span, or NULL
--   $8, $9      received_at of their entries
--   $10         in nat mode, the latest opening before the span is an answer as well
--   $11 to $15  those of the conditions
--   $16, $17    received_at of flows, from and until
--   $18         dump_ids of dumps within the span, or NULL
--   $19, $20    more received_at of openings and flows, or NULL
--   $21         the node's node_id
--   $22         ctaudit.own_networks
-- Tables touched: none; the query reads opening_row, flow_row, dump_entry_row, dump, stream,
--   coverage, gap
CREATE OR REPLACE FUNCTION ctaudit.connection_query(p_seen text)
RETURNS text
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT replace($query$
    WITH seen AS MATERIALIZED (
        SELECT row_number() OVER () AS number, u.*
        FROM (
<seen>
        ) AS u
    ),
    life AS MATERIALIZED (
        SELECT l.*
        FROM (
            SELECT array_agg(ROW(
                s.number, s.kind, s.ct_id,
                -- Where a remote end was not stored (0.0.0.0), others have this tuple meanwhile.
                s.status & 4096 <> 0 OR s.orig_src IN ('0.0.0.0', '::')
                    OR s.orig_dst IN ('0.0.0.0', '::'),
                s.received_at, s.started_at,
                s.start_from, s.start_until, s.alive_at, s.gone_at
            )::ctaudit.sighting) AS sightings
            FROM seen AS s
            GROUP BY s.zones, s.proto, s.orig_src, s.orig_dst, s.orig_sport, s.orig_dport
        ) AS g, LATERAL ctaudit.lives(g.sightings) AS l
    ),
    -- Each with the rows it was made of: r the one that answers, the end before the opening.
    found AS (
        SELECT
            l.opening, l.entry, l.ending, l.unobserved, n.next_at, l.started_at AS began_at,
            l.start_until AS began_by, l.alive_at AS last_alive_at,
            coalesce(l.ending, l.unobserved) IS NULL AND n.next_at IS NULL AS is_open,
            CASE WHEN l.start_from = l.start_until THEN 'kernel'
                ELSE coalesce(o.started_source, e.started_source, r.started_source) END
                AS began_source,
            CASE WHEN l.start_from < l.start_until THEN o.started_after END AS began_after,
            -- The bound without the allowance of start_bounds, which is for matching alone.
            CASE WHEN l.start_from = l.start_until THEN l.start_from
                ELSE coalesce(
                    o.started_after, CASE o.started_source WHEN 'event' THEN o.started_at END,
                    l.start_from
                ) END AS not_before,
            e.alive_at AS shown_at, coalesce(o.provenance, 'dump') AS opened_by,
            r.*
        FROM life AS l
        JOIN seen AS r ON r.number = coalesce(l.ending, l.unobserved, l.opening, l.entry)
        LEFT JOIN seen AS o ON o.number = l.opening
        LEFT JOIN seen AS e ON e.number = l.entry
        -- Of entries alone: the dump after the span would show it, unless it had ended.
        CROSS JOIN LATERAL (
            SELECT coalesce(l.next_at, CASE
                WHEN coalesce(l.opening, l.ending, l.unobserved) IS NULL AND e.dump_id IS DISTINCT FROM $7
                    THEN (SELECT d.ended_at FROM ctaudit.dump AS d WHERE d.dump_id = $7)
            END) AS next_at
        ) AS n
        WHERE coalesce(l.gone_at, n.next_at, 'infinity') >= $1
    ),
    announced AS MATERIALIZED (SELECT * FROM ctaudit.announced($3)),
    known AS (
        SELECT
            f.*, coalesce(m.mode, 'live') AS mode,
            -- What a wrong clock stamped may have begun at any time until it was stepped.
            greatest(f.began_by, d.stepped_at) AS begun_by,
            -- While no end is known: as long as it would have been heard.
            CASE WHEN f.ending IS NULL THEN greatest(f.last_alive_at, h.heard_until)
                ELSE f.last_alive_at END AS alive_until
        FROM found AS f
        LEFT JOIN LATERAL (
            SELECT s.mode FROM ctaudit.stream AS s
            WHERE s.node = $3 AND s.started_at <= f.received_at
            ORDER BY s.started_at DESC LIMIT 1
        ) AS m ON true
        LEFT JOIN LATERAL (
            SELECT max(k.at) AS stepped_at FROM ctaudit.clock_doubt AS k
            WHERE k.node = $3 AND f.not_before BETWEEN k.doubt_from AND k.doubt_until
        ) AS d ON true
        LEFT JOIN LATERAL (
            SELECT ctaudit.heard_until($3, f.last_alive_at, f.proto) AS heard_until
            WHERE f.ending IS NULL AND f.next_at IS NULL AND f.last_alive_at IS NOT NULL
                -- Without the kernel's stamps, an end after a step back is not found for its opening.
                AND (d.stepped_at IS NULL OR NOT EXISTS (
                    SELECT FROM ctaudit.stream AS s
                    WHERE s.node = $3 AND s.detail ->> 'timestamp' IS DISTINCT FROM '1'
                ))
                -- Where no NEW was heard, neither may the DESTROY be.
                AND (f.opened_by <> 'dump' OR f.began_source = 'kernel' AND EXISTS (
                    SELECT FROM announced AS a
                    WHERE f.began_at BETWEEN a.announced_from AND a.announced_until
                ) AND NOT EXISTS (
                    SELECT FROM ctaudit.gap AS g
                    WHERE g.node = $3 AND g.cause = 'not announced' AND g.gap_from <= f.began_at
                        AND coalesce(g.gap_until, 'infinity') >= f.began_at
                ))
        ) AS h ON true
    ),
    judged AS (
        SELECT
            k.*,
            k.mode <> 'nat' AND k.begun_by < $2 AND (
                k.not_before >= $1 AND k.begun_by = k.began_by
                OR coalesce(k.alive_until >= greatest(k.begun_by, $1), false)
            ) AS surely_alive,
            CASE WHEN k.mode = 'nat' AND k.is_open AND coalesce(k.began_at < $1, true) THEN
                row_number() OVER (
                    PARTITION BY k.mode, k.is_open, coalesce(k.began_at < $1, true), k.direction,
                        k.zones, k.proto,
                        CASE k.direction WHEN 'outward' THEN k.reply_dst ELSE k.orig_dst END,
                        CASE k.direction WHEN 'outward' THEN k.reply_dport ELSE k.orig_dport END
                    ORDER BY k.began_at DESC NULLS LAST, k.received_at DESC
                )
            END AS nth_before
        FROM known AS k
        WHERE k.not_before < $2
    )
    SELECT
        $3::text, j.direction,
        CASE
            WHEN j.ending IS NOT NULL THEN 'ended'
            WHEN NOT j.is_open THEN CASE j.mode WHEN 'nat' THEN 'unknown' ELSE 'unobserved' END
            WHEN j.mode <> 'nat' AND j.alive_until >= $1 THEN 'open'
            ELSE 'unknown'
        END,
        j.surely_alive,
        CASE j.direction WHEN 'outward' THEN j.orig_src ELSE j.reply_src END,
        CASE j.direction WHEN 'outward' THEN nullif(j.orig_sport, -1)
            ELSE ctaudit.port(j.proto, j.reply_sport) END,
        CASE j.direction WHEN 'outward' THEN j.reply_src ELSE j.orig_src END,
        CASE j.direction WHEN 'outward' THEN ctaudit.port(j.proto, j.reply_sport)
            ELSE nullif(j.orig_sport, -1) END,
        j.began_at, j.began_source::ctaudit.time_source, j.began_after,
        j.ended_at, j.ended_source,
        CASE WHEN j.ending IS NULL AND NOT j.is_open
            THEN coalesce(j.alive_until, j.ended_after) END,
        CASE WHEN j.ending IS NULL THEN coalesce(j.ended_before, j.next_at) END,
        j.ended_cause, j.shown_at,
        CASE WHEN j.opening IS NULL AND j.ending IS NULL AND j.unobserved IS NULL THEN 'dump'
            ELSE j.provenance END::ctaudit.provenance,
        ctaudit.zone(j.zones), ctaudit.orig_zone(j.zones), ctaudit.reply_zone(j.zones), j.proto,
        j.orig_src, j.orig_dst, nullif(j.orig_sport, -1), ctaudit.port(j.proto, j.orig_dport),
        j.reply_src, j.reply_dst, ctaudit.port(j.proto, j.reply_sport), nullif(j.reply_dport, -1),
        ctaudit.icmp_type(j.proto, j.orig_dport), ctaudit.icmp_code(j.proto, j.orig_dport),
        ctaudit.icmp_type(j.proto, j.reply_sport), ctaudit.icmp_code(j.proto, j.reply_sport),
        j.orig_packets, j.orig_bytes, j.reply_packets, j.reply_bytes,
        nullif(j.ct_id, -1), j.mark, j.status, j.state, j.helper, j.labels, NULL::text, NULL::text,
        NULL::timestamptz
    FROM judged AS j
    WHERE j.nth_before IS NULL OR $10 AND j.nth_before = 1
    $query$
    , '<seen>', p_seen);
$function$;
