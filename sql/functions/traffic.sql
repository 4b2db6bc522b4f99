-- Function: ctaudit.traffic
-- What flowed in a span, by buckets of time and by party: bytes, packets, connections. What a
-- connection carried lies between the times at which its counters are known (its start, the dumps
-- that showed it, its end); what is spread over the edge of a bucket is interpolated.
-- Parameters:
--   p_from, p_until   the span; p_until NULL or in the future: until now
--   p_bucket          the length of a bucket; the first begins at p_from
--   p_by              what a party is: total, host, remote, or service (protocol and the port
--                     that was opened)
--   p_node            NULL: any node but imported ones: a gateway may have recorded the same
--   p_host, p_remote  networks of the internal end and of the other end; NULL: any
--   p_top             so many parties with the most bytes; NULL: all
-- Returns: a row for each bucket and party with a connection, by time and rank
--   rank              1: most bytes in the span; NULL: the parties beyond p_top, as one
--   node, zone, address, proto, port   the party; NULL: not what tells it from others
--   connections       alive in the bucket
--   began             of these, began in it, or were first seen in it
--   uncounted         of these, not all that they carried in the bucket is known
--   packets, bytes    of both directions; NULL: of none of them anything is known
--   interpolated_packets, interpolated_bytes   of these, what is spread over an edge
--   packets_error, bytes_error   by so much the two may be off for that
-- Errors: 22023 the span, the bucket or p_by cannot be asked for
-- Tables touched: inquiry, inquiry_answer (written); node, import, and those of
--   ctaudit.traffic_shares (read)
CREATE OR REPLACE FUNCTION ctaudit.traffic(
    p_from timestamptz,
    p_until timestamptz DEFAULT NULL,
    p_bucket interval DEFAULT '1 hour',
    p_by text DEFAULT 'total',
    p_node text DEFAULT NULL,
    p_host inet DEFAULT NULL,
    p_remote inet DEFAULT NULL,
    p_top integer DEFAULT NULL
)
RETURNS TABLE (
    bucket_from timestamptz,
    bucket_until timestamptz,
    rank integer,
    node text,
    zone integer,
    address inet,
    proto smallint,
    port integer,
    connections bigint,
    began bigint,
    uncounted bigint,
    packets bigint,
    bytes bigint,
    interpolated_packets bigint,
    interpolated_bytes bigint,
    packets_error bigint,
    bytes_error bigint
)
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- A bucket of a day has 24 hours, also where the clock is changed.
SET TimeZone = 'UTC'
AS $function$
DECLARE
    v_until timestamptz := least(p_until, now());
    v_asked text := 'true';
    v_arguments jsonb;
    v_inquiry bigint;
    v_answers bigint;
BEGIN
    p_host := ctaudit.plain_network(p_host);
    p_remote := ctaudit.plain_network(p_remote);
    PERFORM ctaudit.check_buckets(p_from, v_until, p_bucket);
    IF p_by IS NULL OR p_by NOT IN ('total', 'host', 'remote', 'service') THEN
        RAISE EXCEPTION 'by %: must be total, host, remote or service', p_by
            USING ERRCODE = '22023';
    END IF;
    IF p_host IS NOT NULL THEN
        v_asked := format('CASE WHEN coalesce(r.status, 0) & 48 = 32 THEN r.reply_src '
            'ELSE r.orig_src END <<= %L::inet', p_host);
    END IF;
    IF p_remote IS NOT NULL THEN
        v_asked := v_asked || format(' AND CASE WHEN coalesce(r.status, 0) & 48 = 32 '
            'THEN r.orig_src ELSE r.reply_src END <<= %L::inet', p_remote);
    END IF;
    v_arguments := jsonb_build_object(
        'from', p_from, 'until', p_until, 'bucket', p_bucket, 'by', p_by, 'node', p_node,
        'host', p_host, 'remote', p_remote, 'top', p_top
    );
    v_inquiry := ctaudit.note_question('traffic', v_arguments);
    IF v_inquiry IS NULL THEN
        RETURN;
    END IF;
    RETURN QUERY
    WITH share AS MATERIALIZED (
        SELECT CASE p_by WHEN 'host' THEN n.node END AS node, s.*
        FROM ctaudit.node AS n
        CROSS JOIN LATERAL ctaudit.traffic_shares(
            n, p_from, v_until, p_bucket, p_by, v_asked, p_host, p_remote IS NULL
        ) AS s
        WHERE CASE WHEN p_node IS NULL THEN n.first_seen < v_until
            AND NOT EXISTS (SELECT FROM ctaudit.import AS i WHERE i.node = n.node)
            ELSE n.node = ANY (ctaudit.nodes_named(p_node)) END
    ),
    party AS (
        SELECT
            s.node, s.zones, s.address, s.proto, s.port,
            row_number() OVER (
                ORDER BY sum(s.bytes) DESC NULLS LAST, sum(s.began) DESC, s.address, s.proto,
                    s.port, s.node, s.zones
            )::integer AS nth
        FROM share AS s GROUP BY s.node, s.zones, s.address, s.proto, s.port
    ),
    -- With the parties beyond p_top as one.
    named AS (
        SELECT
            s.bucket_from, top.nth, CASE WHEN top.is_in THEN s.node END AS node,
            CASE WHEN top.is_in THEN s.zones END AS zones,
            CASE WHEN top.is_in THEN s.address END AS address,
            CASE WHEN top.is_in THEN s.proto END AS proto,
            CASE WHEN top.is_in THEN s.port END AS port,
            s.connections, s.began, s.uncounted, s.packets, s.bytes, s.interpolated_packets,
            s.interpolated_bytes, s.packets_error, s.bytes_error
        FROM share AS s
        JOIN party AS p ON (
            coalesce(p.node, ''), p.zones, coalesce(p.address, '::'), coalesce(p.proto, -1),
            coalesce(p.port, -1)
        ) = (
            coalesce(s.node, ''), s.zones, coalesce(s.address, '::'), coalesce(s.proto, -1),
            coalesce(s.port, -1)
        )
        CROSS JOIN LATERAL (SELECT
            p.nth <= coalesce(p_top, p.nth) AS is_in,
            CASE WHEN p.nth <= coalesce(p_top, p.nth) THEN p.nth END AS nth
        ) AS top
    )
    SELECT
        t.bucket_from, least(t.bucket_from + p_bucket, v_until), t.nth, t.node,
        CASE p_by WHEN 'host' THEN
            coalesce(ctaudit.orig_zone(t.zones), ctaudit.zone(t.zones))
        END,
        t.address, t.proto, t.port,
        sum(t.connections)::bigint, sum(t.began)::bigint, sum(t.uncounted)::bigint,
        sum(t.packets)::bigint, sum(t.bytes)::bigint,
        sum(t.interpolated_packets)::bigint, sum(t.interpolated_bytes)::bigint,
        sum(t.packets_error)::bigint, sum(t.bytes_error)::bigint
    FROM named AS t
    GROUP BY t.bucket_from, t.nth, t.node, t.zones, t.address, t.proto, t.port
    ORDER BY t.bucket_from, t.nth NULLS LAST;
    GET DIAGNOSTICS v_answers = ROW_COUNT;
    PERFORM ctaudit.note_answers(v_inquiry, 'traffic', v_arguments, v_answers);
END
$function$;
