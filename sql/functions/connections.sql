-- Function: ctaudit.connections
-- The connections of one node that ctaudit.who and ctaudit.flows answer: it fetches what may be of
-- a connection that was alive in the asked span, has ctaudit.lives put it together, and says of
-- each connection whether it was surely alive in the span.
--   A connection was surely alive from the latest time at which it may have begun to its end,
--   or, while no end is recorded, for as long as its end would have been heard: of one that
--   dumps alone have shown, only where the kernel announced it when it began.
-- Only ctaudit.seen is planned for the values asked for; this query a session plans once.
-- Parameters:
--   p_query           ctaudit.seen_query for the conditions of the question
--   p_from, p_until   the asked span [from, until)
--   p_needed          the node, and the part of its record that is needed
--   p_latest          in nat mode, the latest opening before the span is an answer as well
--   p_own             ctaudit.own_networks
--   p_address, p_port, p_remote, p_remote_port, p_proto   of the conditions
--   p_rows            what ctaudit.seen would return, where it is known; NULL: it is not
-- Returns: connections, in no order
-- Tables touched: dump, stream, clock_doubt, gap, note, and those of ctaudit.seen (read)
DROP FUNCTION IF EXISTS ctaudit.connections(
    text, timestamptz, timestamptz, ctaudit.needed_part, boolean, inet[], inet, integer, inet, integer,
    smallint
);
CREATE OR REPLACE FUNCTION ctaudit.connections(
    p_query text,
    p_from timestamptz,
    p_until timestamptz,
    p_needed ctaudit.needed_part,
    p_latest boolean,
    p_own inet[],
    p_address inet,
    p_port integer,
    p_remote inet,
    p_remote_port integer,
    p_proto smallint,
    p_rows ctaudit.seen_row[] DEFAULT NULL
)
RETURNS SETOF ctaudit.connection
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
AS $function$
BEGIN
    RETURN QUERY WITH seen AS MATERIALIZED (
        SELECT
            row_number() OVER () AS number, s.kind, r.received_at, r.started_at,
            s.source AS started_source, r.started_after,
            ctaudit.start_from(r.started_at, s.source, r.started_after) AS start_from,
            ctaudit.start_until(r.started_at, s.source, CASE s.kind
                -- Received with the dump that lacked it, long after the event.
                WHEN 'unobserved' THEN coalesce(r.started_at + interval '2 s', r.received_at)
                ELSE r.received_at END
            ) AS start_until,
            CASE r.kind
                WHEN 'opening' THEN
                    CASE s.source WHEN 'receiver' THEN r.started_after ELSE r.started_at END
                WHEN 'entry' THEN greatest(r.started_at, (
                    SELECT d.began_at FROM ctaudit.dump AS d WHERE d.dump_id = r.dump_id
                ))
                ELSE coalesce(
                    CASE r.ended_source WHEN 'k' THEN r.ended_at END, r.ended_after, r.started_at
                )
            END AS alive_at,
            CASE r.kind WHEN 'end' THEN coalesce(
                r.ended_at, r.ended_before, greatest(r.received_at, r.stop_sent, r.started_at)
            ) END AS gone_at,
            r.ended_at, ctaudit.time_source_of(r.ended_source) AS ended_source, r.ended_after,
            r.ended_before, r.ended_cause, r.dump_id,
            ctaudit.provenance_of(r.provenance) AS provenance,
            CASE WHEN s.outward AND NOT ((coalesce(r.status, 0) & 48) = 32 AND s.inward)
                THEN 'outward' ELSE 'inward' END AS direction,
            r.orig_packets, r.orig_bytes, r.reply_packets, r.reply_bytes, r.zones, r.proto,
            r.orig_src, r.orig_dst, r.orig_sport, r.orig_dport, r.reply_src, r.reply_dst,
            r.reply_sport, r.reply_dport, r.ct_id, r.mark, r.status, r.state, r.helper, r.labels
        FROM (
            SELECT * FROM ctaudit.seen(
                ctaudit.bounds_of(ARRAY[p_needed]), p_query, p_address, p_port, p_remote, p_remote_port, p_proto
            )
            WHERE p_rows IS NULL
            UNION ALL
            SELECT * FROM unnest(p_rows)
        ) AS r
        CROSS JOIN LATERAL (
            -- Where nothing is translated and one end alone is of the node's own networks, that is the
            -- host; else either end may be. Nor is a client the host whose packets were forwarded into
            -- these networks from outside.
            SELECT
                r.is_outward AND NOT coalesce(
                    (r.status & 16) = 0 AND r.reply_src <<= ANY (p_own)
                    AND NOT r.orig_src <<= ANY (p_own), false
                ) AS outward,
                r.is_inward AND NOT coalesce(
                    (r.status & 48) = 0 AND r.orig_src <<= ANY (p_own)
                    AND NOT r.orig_dst <<= ANY (p_own), false
                ) AS inward,
                CASE r.kind WHEN 'entry' THEN
                    (CASE WHEN r.started_at IS NULL THEN 'dump' ELSE 'kernel' END)::ctaudit.time_source
                    ELSE ctaudit.time_source_of(r.started_source) END AS source,
                CASE WHEN r.kind = 'end' AND r.provenance = 'u' THEN 'unobserved' ELSE r.kind END AS kind
        ) AS s
        WHERE r.node_id = p_needed.node_id AND CASE r.kind
            WHEN 'opening' THEN r.received_at < p_needed.openings_until AND (
                r.received_at >= p_needed.openings_from
                OR r.received_at BETWEEN p_needed.wrong_from AND p_needed.wrong_until
            )
            WHEN 'entry' THEN r.received_at BETWEEN p_needed.entries_from AND p_needed.entries_until
                AND r.dump_id = ANY (
                    ARRAY[p_needed.dump_before, p_needed.dump_after] || p_needed.dumps_within
                )
            ELSE r.received_at < p_needed.ends_until AND (
                r.received_at >= p_needed.ends_from
                OR r.received_at BETWEEN p_needed.wrong_from AND p_needed.wrong_until
            ) AND coalesce(r.started_at < p_needed.openings_until, true)
        END AND (s.outward OR ((r.status & 32) <> 0 OR (r.status & 48) = 0) AND s.inward)
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
                WHEN coalesce(l.opening, l.ending, l.unobserved) IS NULL AND e.dump_id IS DISTINCT FROM p_needed.dump_after
                    THEN (SELECT d.ended_at FROM ctaudit.dump AS d WHERE d.dump_id = p_needed.dump_after)
            END) AS next_at
        ) AS n
        WHERE coalesce(l.gone_at, n.next_at, 'infinity') >= p_from
    ),
    announced AS MATERIALIZED (SELECT * FROM ctaudit.announced(p_needed.node)),
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
            WHERE s.node = p_needed.node AND s.started_at <= f.received_at
            ORDER BY s.started_at DESC LIMIT 1
        ) AS m ON true
        LEFT JOIN LATERAL (
            SELECT max(k.at) AS stepped_at FROM ctaudit.clock_doubt AS k
            WHERE k.node = p_needed.node AND f.not_before BETWEEN k.doubt_from AND k.doubt_until
        ) AS d ON true
        CROSS JOIN LATERAL (
            -- Not a row with a WHERE clause: there the server calls the function all the same.
            SELECT CASE WHEN f.ending IS NULL AND f.next_at IS NULL AND f.last_alive_at IS NOT NULL
                -- Without the kernel's stamps, an end after a step back is not found for its opening.
                AND (d.stepped_at IS NULL OR NOT EXISTS (
                    SELECT FROM ctaudit.stream AS s
                    WHERE s.node = p_needed.node AND s.detail ->> 'timestamp' IS DISTINCT FROM '1'
                ))
                -- Where no NEW was heard, neither may the DESTROY be.
                AND (f.opened_by <> 'dump' OR f.began_source = 'kernel' AND EXISTS (
                    SELECT FROM announced AS a
                    WHERE f.began_at BETWEEN a.announced_from AND a.announced_until
                ) AND NOT EXISTS (
                    SELECT FROM ctaudit.gap AS g
                    WHERE g.node = p_needed.node AND g.cause = 'not announced' AND g.gap_from <= f.began_at
                        AND coalesce(g.gap_until, 'infinity') >= f.began_at
                ))
                THEN ctaudit.heard_until(p_needed.node, f.last_alive_at, f.proto) END AS heard_until
        ) AS h
    ),
    judged AS (
        SELECT
            k.*,
            k.mode <> 'nat' AND k.begun_by < p_until AND (
                k.not_before >= p_from AND k.begun_by = k.began_by
                OR coalesce(k.alive_until >= greatest(k.begun_by, p_from), false)
            ) AS surely_alive,
            CASE WHEN k.mode = 'nat' AND k.is_open AND coalesce(k.began_at < p_from, true) THEN
                row_number() OVER (
                    PARTITION BY k.mode, k.is_open, coalesce(k.began_at < p_from, true), k.direction,
                        k.zones, k.proto,
                        CASE k.direction WHEN 'outward' THEN k.reply_dst ELSE k.orig_dst END,
                        CASE k.direction WHEN 'outward' THEN k.reply_dport ELSE k.orig_dport END
                    ORDER BY k.began_at DESC NULLS LAST, k.received_at DESC
                )
            END AS nth_before
        FROM known AS k
        WHERE k.not_before < p_until
    )
    SELECT
        p_needed.node, j.direction,
        CASE
            WHEN j.ending IS NOT NULL THEN 'ended'
            WHEN NOT j.is_open THEN CASE j.mode WHEN 'nat' THEN 'unknown' ELSE 'unobserved' END
            WHEN j.mode <> 'nat' AND j.alive_until >= p_from THEN 'open'
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
    WHERE j.nth_before IS NULL OR p_latest AND j.nth_before = 1;
END
$function$;
