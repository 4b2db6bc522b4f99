-- Function: ctaudit.traffic_connections
-- The part of ctaudit.traffic_query that puts connections together: CTEs of which the last, named
-- connection, has one row for each, with the times at which its counters are known.
-- Which rows are one connection: where the kernel's start is known, ctaudit.is_one holds where
-- tuple, id and start are equal, so they are joined by hash. Rows without that start, openings
-- that no row with one explains, and all rows of a tuple and id of which some have a start and
-- others have none, go through ctaudit.lives.
--
-- Parameters:
--   p_party   the columns zones, address, proto and port, of a c of the rows
--   p_asked   a condition on an r of opening_row, flow_row or dump_entry_row
-- Returns: the beginning of a query, with the parameters of ctaudit.traffic_query
-- Tables touched: none; the query reads opening_row, flow_row, dump_entry_row
CREATE OR REPLACE FUNCTION ctaudit.traffic_connections(p_party text, p_asked text)
RETURNS text
LANGUAGE sql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT replace(replace(replace(replace(replace(replace(replace($query$
    WITH
    -- Tuples and ids with a start in some rows and none in others.
    mixed AS MATERIALIZED (
        SELECT DISTINCT <tuple>, r.ct_id
        FROM (
            SELECT <tuple>, r.ct_id FROM (<ends>) AS r
            WHERE r.started_source IS DISTINCT FROM 'k'
            UNION ALL
            SELECT <tuple>, r.ct_id FROM (<entries>) AS r WHERE r.started_at IS NULL
        ) AS r
        JOIN (
            SELECT <tuple>, r.ct_id FROM (<ends>) AS r WHERE r.started_source = 'k'
            UNION ALL
            SELECT <tuple>, r.ct_id FROM (<entries>) AS r WHERE r.started_at IS NOT NULL
        ) AS t USING (zones, proto, orig_src, orig_dst, orig_sport, orig_dport, ct_id)
    ),
    -- What dumps and unobserved ends say of connections whose start is known.
    shown AS (
        SELECT
            <tuple>, r.ct_id, r.started_at, min(r.reply_src) AS reply_src,
            min(r.reply_sport) AS reply_sport, bit_or(coalesce(r.status, 0)) AS status,
            array_agg(r.received_at) FILTER (WHERE r.gone_by IS NULL) AS seen_at,
            array_agg(r.orig_packets) FILTER (WHERE r.gone_by IS NULL) AS orig_packets,
            array_agg(r.orig_bytes) FILTER (WHERE r.gone_by IS NULL) AS orig_bytes,
            array_agg(r.reply_packets) FILTER (WHERE r.gone_by IS NULL) AS reply_packets,
            array_agg(r.reply_bytes) FILTER (WHERE r.gone_by IS NULL) AS reply_bytes,
            min(r.gone_by) AS gone_by
        FROM (
            SELECT r.*, NULL::timestamptz AS gone_by FROM (<entries>) AS r
            WHERE r.started_at IS NOT NULL
            UNION ALL
            SELECT
                r.received_at, r.started_at, r.orig_packets, r.orig_bytes, r.reply_packets,
                r.reply_bytes, r.status, r.reply_src, r.reply_sport, r.ct_id, <tuple>,
                coalesce(r.ended_before, r.received_at)
            FROM (<ends>) AS r WHERE r.provenance = 'u' AND r.started_source = 'k'
        ) AS r
        WHERE NOT EXISTS (<mixed>)
        GROUP BY <tuple>, r.ct_id, r.started_at
    ),
    timed AS (
        SELECT
            coalesce(f.zones, s.zones) AS zones, coalesce(f.proto, s.proto) AS proto,
            coalesce(f.orig_src, s.orig_src) AS orig_src,
            coalesce(f.orig_dst, s.orig_dst) AS orig_dst,
            coalesce(f.orig_sport, s.orig_sport) AS orig_sport,
            coalesce(f.orig_dport, s.orig_dport) AS orig_dport,
            coalesce(f.ct_id, s.ct_id) AS ct_id,
            coalesce(f.started_at, s.started_at) AS started_at,
            coalesce(f.reply_src, s.reply_src) AS reply_src,
            coalesce(f.reply_sport, s.reply_sport) AS reply_sport,
            coalesce(f.status, 0) | coalesce(s.status, 0) AS status,
            f.gone_at IS NOT NULL AS has_end, coalesce(f.gone_at, s.gone_by) AS gone_at,
            f.orig_packets, f.orig_bytes, f.reply_packets, f.reply_bytes,
            s.seen_at, s.orig_packets AS orig_packets_seen, s.orig_bytes AS orig_bytes_seen,
            s.reply_packets AS reply_packets_seen, s.reply_bytes AS reply_bytes_seen
        FROM (
            SELECT r.*, coalesce(r.ended_at, greatest(r.started_at, r.received_at)) AS gone_at
            FROM (<ends>) AS r WHERE r.provenance <> 'u' AND r.started_source = 'k'
                AND NOT EXISTS (<mixed>)
        ) AS f
        FULL JOIN shown AS s ON f.orig_sport = s.orig_sport AND f.ct_id = s.ct_id
            AND f.started_at = s.started_at AND f.orig_src = s.orig_src
            AND f.orig_dst = s.orig_dst AND f.orig_dport = s.orig_dport
            AND f.proto = s.proto AND f.zones = s.zones
    ),
    -- The others, for ctaudit.lives.
    sighted AS MATERIALIZED (
        SELECT row_number() OVER () AS number, u.*
        FROM (
            -- Those that a row with the start does not explain.
            SELECT
                'opening' AS kind, u.received_at, u.started_at, u.start_from, u.start_until,
                CASE u.started_source WHEN 'r' THEN u.started_after ELSE u.started_at END
                    AS alive_at,
                NULL::timestamptz AS gone_at, u.zones, u.proto, u.orig_src, u.orig_dst,
                u.orig_sport, u.orig_dport, u.ct_id, u.reply_src, u.reply_sport, u.status,
                NULL::bigint AS orig_packets, NULL::bigint AS orig_bytes,
                NULL::bigint AS reply_packets, NULL::bigint AS reply_bytes
            FROM (
                SELECT
                    r.*, ctaudit.start_from(
                        r.started_at, ctaudit.time_source_of(r.started_source), r.started_after
                    ) AS start_from,
                    ctaudit.start_until(
                        r.started_at, ctaudit.time_source_of(r.started_source), r.received_at
                    ) AS start_until
                FROM ctaudit.opening_row AS r
                WHERE r.node_id = $5 AND r.received_at >= $6 AND r.received_at < $7
                    AND r.started_at < $2 AND <asked>
            ) AS u
            WHERE NOT EXISTS (
                SELECT FROM (<ends>) AS r
                WHERE r.received_at >= $6 AND r.started_source = 'k' AND <explains>
            ) AND NOT EXISTS (
                SELECT FROM (<entries>) AS r WHERE r.started_at IS NOT NULL AND <explains>
            )
            UNION ALL
            SELECT
                CASE r.provenance WHEN 'u' THEN 'unobserved' ELSE 'end' END, r.received_at,
                r.known_start, coalesce(r.known_start, '-infinity'),
                coalesce(r.known_start, r.received_at), coalesce(
                    CASE r.ended_source WHEN 'k' THEN r.ended_at END, r.ended_after, r.known_start
                ),
                coalesce(r.ended_at, r.ended_before, r.received_at), <tuple>, r.ct_id,
                r.reply_src, r.reply_sport, r.status, r.orig_packets, r.orig_bytes,
                r.reply_packets, r.reply_bytes
            FROM (
                SELECT r.*, NULL::timestamptz AS known_start
                FROM (<ends>) AS r WHERE r.started_source IS DISTINCT FROM 'k'
                UNION ALL
                SELECT r.*, r.started_at
                FROM (<ends>) AS r WHERE r.started_source = 'k' AND EXISTS (<mixed>)
            ) AS r
            UNION ALL
            SELECT
                'entry', r.received_at, r.started_at, coalesce(r.started_at, '-infinity'),
                coalesce(r.started_at, r.received_at), r.received_at, NULL,
                <tuple>, r.ct_id, r.reply_src, r.reply_sport, r.status, r.orig_packets,
                r.orig_bytes, r.reply_packets, r.reply_bytes
            FROM (
                SELECT r.* FROM (<entries>) AS r WHERE r.started_at IS NULL
                UNION ALL
                SELECT r.* FROM (<entries>) AS r
                WHERE r.started_at IS NOT NULL AND EXISTS (<mixed>)
            ) AS r
        ) AS u
    ),
    life AS MATERIALIZED (
        SELECT row_number() OVER () AS life, g.*, l.opening, l.entry, l.ending, l.unobserved,
            l.ct_id, l.opened_at, l.started_at, l.start_from, l.gone_at, l.next_at
        FROM (
            SELECT <tuple>, array_agg(ROW(
                r.number, r.kind, r.ct_id,
                -- As ctaudit.connections has it.
                r.status & 4096 <> 0 OR r.orig_src IN ('0.0.0.0', '::')
                    OR r.orig_dst IN ('0.0.0.0', '::'),
                r.received_at, r.started_at, r.start_from, r.start_until, r.alive_at, r.gone_at
            )::ctaudit.sighting) AS sightings
            FROM sighted AS r
            GROUP BY <tuple>
        ) AS g, LATERAL ctaudit.lives(g.sightings) AS l
    ),
    -- ctaudit.lives names the last entry of a connection; the others lie before it.
    shown_untimed AS (
        SELECT
            e.life, array_agg(e.received_at) AS seen_at,
            array_agg(e.orig_packets) AS orig_packets, array_agg(e.orig_bytes) AS orig_bytes,
            array_agg(e.reply_packets) AS reply_packets, array_agg(e.reply_bytes) AS reply_bytes,
            bit_or(coalesce(e.status, 0)) AS status
        FROM (
            SELECT DISTINCT ON (r.number) l.life, r.*
            FROM sighted AS r
            JOIN life AS l ON l.zones = r.zones AND l.proto = r.proto AND l.orig_src = r.orig_src
                AND l.orig_dst = r.orig_dst AND l.orig_sport = r.orig_sport
                AND l.orig_dport = r.orig_dport AND l.ct_id = r.ct_id
            WHERE r.kind = 'entry' AND (r.number = l.entry OR r.received_at >= l.start_from
                AND r.received_at <= coalesce(l.gone_at, l.next_at, 'infinity'))
            ORDER BY r.number, r.number = l.entry DESC NULLS LAST, l.start_from DESC
        ) AS e
        GROUP BY e.life
    ),
    untimed AS (
        SELECT
            r.zones, r.proto, r.orig_src, r.orig_dst, r.orig_sport, r.orig_dport,
            CASE WHEN l.start_from > '-infinity' THEN l.started_at END AS started_at,
            r.reply_src, r.reply_sport, coalesce(r.status, 0) | coalesce(s.status, 0) AS status,
            r.kind = 'end' AS has_end, coalesce(
                l.gone_at, l.next_at,
                -- Nothing but an opening, which a later dump did not show.
                CASE WHEN s.life IS NULL AND l.opened_at < $12 THEN l.started_at END
            ) AS gone_at,
            r.orig_packets, r.orig_bytes, r.reply_packets, r.reply_bytes,
            s.seen_at, s.orig_packets AS orig_packets_seen, s.orig_bytes AS orig_bytes_seen,
            s.reply_packets AS reply_packets_seen, s.reply_bytes AS reply_bytes_seen
        FROM life AS l
        JOIN sighted AS r ON r.number = coalesce(l.ending, l.unobserved, l.opening, l.entry)
        LEFT JOIN shown_untimed AS s ON s.life = l.life
    ),
    connection AS NOT MATERIALIZED (
        SELECT
            c.has_end, c.started_at, ctaudit.is_offloaded(c.status) AS is_offloaded, <party>,
            c.gone_at, c.orig_packets, c.orig_bytes, c.reply_packets, c.reply_bytes, c.seen_at,
            c.orig_packets_seen, c.orig_bytes_seen, c.reply_packets_seen, c.reply_bytes_seen
        FROM (
            SELECT
                t.zones, t.proto, t.orig_src, t.orig_dst, t.orig_sport, t.orig_dport,
                t.started_at, t.reply_src, t.reply_sport, t.status, t.has_end, t.gone_at,
                t.orig_packets, t.orig_bytes, t.reply_packets, t.reply_bytes, t.seen_at,
                t.orig_packets_seen, t.orig_bytes_seen, t.reply_packets_seen,
                t.reply_bytes_seen
            FROM timed AS t
            UNION ALL SELECT * FROM untimed
        ) AS c
        WHERE coalesce(c.gone_at, 'infinity') >= $1
    )
    $query$
    , '<mixed>',
    'SELECT FROM mixed AS m WHERE m.orig_sport = r.orig_sport AND m.ct_id = r.ct_id '
    'AND m.orig_src = r.orig_src AND m.orig_dst = r.orig_dst AND m.orig_dport = r.orig_dport '
    'AND m.proto = r.proto AND m.zones = r.zones'),
    '<explains>',
    'r.orig_sport = u.orig_sport AND r.ct_id = u.ct_id AND r.orig_src = u.orig_src '
    'AND r.orig_dst = u.orig_dst AND r.orig_dport = u.orig_dport AND r.proto = u.proto '
    'AND r.zones = u.zones AND r.started_at BETWEEN u.start_from AND u.start_until'),
    '<entries>',
    'SELECT r.received_at, r.started_at, r.orig_packets, r.orig_bytes, r.reply_packets, '
    'r.reply_bytes, r.status, r.reply_src, r.reply_sport, r.ct_id, <tuple> '
    'FROM ctaudit.dump_entry_row AS r WHERE r.node_id = $5 AND r.received_at >= $10 '
    'AND r.received_at <= $11 AND (r.started_at IS NULL OR r.started_at < $2) AND <asked>'),
    '<ends>',
    'SELECT r.* FROM ctaudit.flow_row AS r WHERE r.node_id = $5 AND r.received_at >= $8 '
    'AND r.received_at < $9 AND (r.started_at IS NULL OR r.started_at < $2) AND <asked>'),
    '<asked>', p_asked),
    '<party>', p_party),
    '<tuple>',
    'r.zones, r.proto, r.orig_src, r.orig_dst, r.orig_sport, r.orig_dport');
$function$;
