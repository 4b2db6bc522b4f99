-- Function: ctaudit.traffic_query
-- The query of ctaudit.traffic_of: what flowed when, by bucket and party, at one node.
--   A counter is known at the start of a connection (0), where a dump showed it, and at the end.
--   What it grew by lies between two such times, a step. A step within one bucket lies there; one
--   that crosses an edge is spread evenly over its time, and what each bucket gets of it is
--   interpolated. The shares are differences of a rounded sum, so they add up exactly.
--   As in ctaudit.count_traffic, a connection that was ever offloaded, or that nothing counted,
--   has no bytes, and one whose counters were set to zero has the most that was shown.
--
-- Parameters:
--   p_by      total, host, remote or service: what a party is
--   p_asked   a condition on an r of opening_row, flow_row or dump_entry_row
-- Returns: a query for rows of ctaudit.traffic_share with the parameters
--   $1, $2    the span [from, until)
--   $3, $4    where the first bucket begins, and the length of one in microseconds
--   $5        the node's node_id
--   $6, $7    received_at of openings, from and until
--   $8, $9    received_at of flows
--   $10, $11  received_at of entries
--   $12       when the last complete dump of these began: what it does not show is over
--   $13       whether a dump before the span is read: what it does not show began later
-- Tables touched: none; the query reads opening_row, flow_row, dump_entry_row, aggregate_row
CREATE OR REPLACE FUNCTION ctaudit.traffic_query(p_by text, p_asked text)
RETURNS text
LANGUAGE sql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT ctaudit.traffic_connections(p.party, p_asked) || replace(replace($query$
    ,
    -- Of those that a dump showed: each time at which the counters are known.
    many AS MATERIALIZED (
        SELECT row_number() OVER () AS number, c.* FROM connection AS c WHERE c.seen_at IS NOT NULL
    ),
    point AS (
        SELECT
            c.number, p.is_start, greatest(
                c.started_at, least(p.at, CASE WHEN c.has_end THEN c.gone_at END)
            ) AS at,
            max(p.orig_packets) OVER before_it AS orig_packets,
            max(p.orig_bytes) OVER before_it AS orig_bytes,
            max(p.reply_packets) OVER before_it AS reply_packets,
            max(p.reply_bytes) OVER before_it AS reply_bytes,
            p.orig_packets AS orig_packets_now, p.orig_bytes AS orig_bytes_now,
            p.reply_packets AS reply_packets_now, p.reply_bytes AS reply_bytes_now
        FROM many AS c
        CROSS JOIN LATERAL (
            SELECT c.started_at AS at, 0::bigint AS orig_packets, 0::bigint AS orig_bytes,
                0::bigint AS reply_packets, 0::bigint AS reply_bytes, 0 AS place, true AS is_start
            WHERE c.started_at IS NOT NULL
            UNION ALL
            SELECT s.*, 1, false FROM unnest(
                c.seen_at, c.orig_packets_seen, c.orig_bytes_seen, c.reply_packets_seen,
                c.reply_bytes_seen
            ) AS s
            UNION ALL
            SELECT c.gone_at, c.orig_packets, c.orig_bytes, c.reply_packets, c.reply_bytes,
                2, false
            WHERE c.has_end
        ) AS p
        WHERE coalesce(p.orig_packets, p.orig_bytes, p.reply_packets, p.reply_bytes) IS NOT NULL
            AND (p.is_start OR NOT c.is_offloaded)
        WINDOW before_it AS (
            PARTITION BY c.number ORDER BY p.place = 2, p.at, p.place
            ROWS UNBOUNDED PRECEDING
        )
    ),
    step AS (
        SELECT
            p.number, lag(p.at) OVER in_order AS step_from, p.at AS step_until,
            coalesce(p.orig_packets, 0) + coalesce(p.reply_packets, 0)
                - lag(coalesce(p.orig_packets, 0) + coalesce(p.reply_packets, 0), 1, 0::bigint)
                    OVER in_order AS packets,
            coalesce(p.orig_bytes, 0) + coalesce(p.reply_bytes, 0)
                - lag(coalesce(p.orig_bytes, 0) + coalesce(p.reply_bytes, 0), 1, 0::bigint)
                    OVER in_order AS bytes,
            p.is_start, row_number() OVER in_order AS nth,
            lead(p.at) OVER in_order IS NULL AS is_last,
            bool_or(p.orig_packets_now < p.orig_packets OR p.orig_bytes_now < p.orig_bytes
                OR p.reply_packets_now < p.reply_packets OR p.reply_bytes_now < p.reply_bytes)
                OVER (PARTITION BY p.number) AS was_reset
        FROM point AS p
        WINDOW in_order AS (
            PARTITION BY p.number
            ORDER BY p.at, p.is_start DESC, p.orig_packets, p.orig_bytes, p.reply_packets, p.reply_bytes
        )
    ),
    growth AS (
        -- Shown by no dump: all of it between its start and its end.
        SELECT
            c.zones, c.address, c.proto, c.port, 1 AS connections, true AS is_first,
            true AS is_begun, c.started_at IS NULL AS is_moment,
            false AS was_reset, coalesce(c.started_at, c.gone_at, $2) AS from_at,
            coalesce(c.gone_at, 'infinity') AS until_at,
            CASE WHEN c.has_end AND NOT c.is_offloaded
                    AND coalesce(c.orig_packets, c.reply_packets) IS NOT NULL
                THEN coalesce(c.orig_packets, 0) + coalesce(c.reply_packets, 0) END AS packets,
            CASE WHEN c.has_end AND NOT c.is_offloaded
                    AND coalesce(c.orig_bytes, c.reply_bytes) IS NOT NULL
                THEN coalesce(c.orig_bytes, 0) + coalesce(c.reply_bytes, 0) END AS bytes
        FROM connection AS c WHERE c.seen_at IS NULL
        UNION ALL
        SELECT
            c.zones, c.address, c.proto, c.port, 1,
            s.nth = 1 OR s.nth = 2 AND c.started_at IS NOT NULL,
            -- Whether it began before the first dump that is read, none can say.
            s.step_from IS NOT NULL OR $13,
            -- What flowed before the first sighting of a connection whose start is not known.
            s.step_from IS NULL, s.was_reset, coalesce(s.step_from, s.step_until), s.step_until,
            s.packets, s.bytes
        FROM step AS s JOIN many AS c USING (number)
        WHERE NOT s.is_start
        UNION ALL
        -- From the last time at which the counters are known until its end.
        SELECT
            c.zones, c.address, c.proto, c.port, 1, coalesce(s.is_start, true),
            c.started_at IS NOT NULL OR $13, false,
            coalesce(s.was_reset, false) AND NOT s.is_start,
            coalesce(s.step_until, c.started_at, l.seen_at), l.gone_at, NULL, NULL
        FROM many AS c
        LEFT JOIN step AS s ON s.number = c.number AND s.is_last
        CROSS JOIN LATERAL (SELECT max(m.at) AS seen_at, coalesce(
            c.gone_at, CASE WHEN max(m.at) >= $12 THEN 'infinity' ELSE max(m.at) END
        ) AS gone_at FROM unnest(c.seen_at) AS m (at)) AS l
        WHERE coalesce(s.is_start, true) OR l.gone_at > s.step_until
        UNION ALL
        -- Stored as one row: all of it between the first start and the last end.
        SELECT
            <party>, c.connections, true, true, false, false, c.first_start, c.last_end,
            c.orig_packets + c.reply_packets, c.orig_bytes + c.reply_bytes
        FROM (
            SELECT
                a.*, a.client AS orig_src, a.remote AS reply_src, a.remote_port AS reply_sport
            FROM ctaudit.aggregate_row AS a
        ) AS r
        CROSS JOIN LATERAL (SELECT r.*) AS c
        WHERE r.node_id = $5 AND r.received_at >= $8 AND r.received_at < $9
            AND r.first_start < $2 AND r.last_end >= $1 AND <asked>
    ),
    measured AS (
        SELECT
            i.*, (date_part('epoch', i.from_at - $3) * 1000000)::bigint AS low,
            (date_part('epoch', least(
                i.until_at, CASE WHEN i.packets IS NULL AND i.bytes IS NULL
                    THEN greatest($2, i.from_at) ELSE i.until_at END
            ) - $3) * 1000000)::bigint AS high
        FROM growth AS i
        WHERE i.from_at < $2 AND i.until_at >= $1
    ),
    bound AS (
        SELECT
            m.*, (date_part('epoch', $1 - $3) * 1000000)::bigint AS span_from,
            (date_part('epoch', $2 - $3) * 1000000)::bigint AS span_until
        FROM measured AS m
    ),
    share AS (
        SELECT
            b.*, k.bucket, greatest(b.low, k.bucket * $4, b.span_from) AS share_from,
            least(b.high, (k.bucket + 1) * $4, b.span_until) AS share_until
        FROM bound AS b
        CROSS JOIN LATERAL generate_series(
            greatest(b.low, b.span_from) / $4,
            CASE WHEN b.high > b.low THEN least(b.high, b.span_until) - 1 ELSE b.high END / $4
        ) AS k (bucket)
        WHERE CASE WHEN b.high > b.low THEN b.high > b.span_from
            ELSE b.low >= b.span_from AND b.low < b.span_until END
    ),
    part AS (
        SELECT
            s.bucket, s.zones, s.address, s.proto, s.port, s.connections, s.was_reset,
            s.packets IS NULL AND s.bytes IS NULL AS is_unknown,
            s.share_from = s.low AS is_beginning, s.is_first, s.is_begun,
            -- Each connection once a bucket: where the bucket begins, or where it does.
            s.share_from > s.low OR greatest(s.bucket * $4, s.span_from) = s.low
                OR s.is_first AS is_alive,
            s.is_moment OR s.share_from > s.low OR s.share_until < s.high AS is_interpolated,
            floor(s.packets * e.until_share) - floor(s.packets * e.from_share) AS packets,
            floor(s.bytes * e.until_share) - floor(s.bytes * e.from_share) AS bytes,
            s.packets AS packets_of_all, s.bytes AS bytes_of_all
        FROM share AS s
        CROSS JOIN LATERAL (SELECT
            CASE WHEN s.high > s.low
                THEN (s.share_from - s.low)::float8 / (s.high - s.low) ELSE 0 END AS from_share,
            CASE WHEN s.high > s.low
                THEN (s.share_until - s.low)::float8 / (s.high - s.low) ELSE 1 END AS until_share
        ) AS e
    )
    SELECT
        $3 + p.bucket * $4 * interval '1 us', p.zones, p.address, p.proto, p.port,
        coalesce(sum(p.connections) FILTER (WHERE p.is_alive), 0)::bigint,
        coalesce(sum(p.connections) FILTER (
            WHERE p.is_first AND p.is_beginning AND p.is_begun
        ), 0)::bigint,
        coalesce(sum(p.connections) FILTER (WHERE
            CASE WHEN p.was_reset THEN p.is_alive ELSE p.is_unknown END), 0)::bigint,
        coalesce(sum(p.connections) FILTER (WHERE p.is_beginning
            AND CASE WHEN p.was_reset THEN p.is_first ELSE p.is_unknown END), 0)::bigint,
        sum(p.packets)::bigint, sum(p.bytes)::bigint,
        coalesce(sum(p.packets) FILTER (WHERE p.is_interpolated), 0)::bigint,
        coalesce(sum(p.bytes) FILTER (WHERE p.is_interpolated), 0)::bigint,
        -- All of a step may have flowed in this bucket, or none.
        coalesce(sum(greatest(p.packets, p.packets_of_all - p.packets))
            FILTER (WHERE p.is_interpolated), 0)::bigint,
        coalesce(sum(greatest(p.bytes, p.bytes_of_all - p.bytes))
            FILTER (WHERE p.is_interpolated), 0)::bigint
    FROM part AS p
    GROUP BY p.bucket, p.zones, p.address, p.proto, p.port
    $query$, '<party>', p.party), '<asked>', p_asked)
    FROM (SELECT CASE p_by
        WHEN 'host' THEN 'c.zones, CASE WHEN c.status & 48 = 32 THEN c.reply_src '
            'ELSE c.orig_src END AS address, NULL::smallint AS proto, NULL::integer AS port'
        WHEN 'remote' THEN '0 AS zones, CASE WHEN c.status & 48 = 32 THEN c.orig_src '
            'ELSE c.reply_src END AS address, NULL::smallint AS proto, NULL::integer AS port'
        WHEN 'service' THEN '0 AS zones, NULL::inet AS address, c.proto, '
            'CASE WHEN c.proto IN (6, 17, 33, 132, 136) THEN nullif(c.reply_sport, -1) END AS port'
        ELSE '0 AS zones, NULL::inet AS address, NULL::smallint AS proto, NULL::integer AS port'
    END AS party) AS p;
$function$;
