-- What bench/store.py fills a store with and sends to it; its own schema in the measured database.
CREATE SCHEMA bench;

-- Connection number n of a node: the tuple, with codes as the tables hold them. One public
-- address a node; the ports are taken in turn, as a translating gateway does.
CREATE FUNCTION bench.opening(p_node_id smallint, n bigint, p_started timestamptz)
RETURNS ctaudit.opening_row LANGUAGE sql IMMUTABLE AS $$
    SELECT ROW(
        p_started + interval '80 ms', p_started, NULL, hashint8(n)::bigint & 4294967295, NULL, 0,
        1024 + n * 7919 % 64000, 443, 443, 1024 + n * 7919 % 64000, 414, p_node_id, 6, 1, 'e', 'e',
        inet '10.0.0.0' + n * 31 % 4000, inet '198.18.0.0' + n * 17 % 50000,
        inet '198.18.0.0' + n * 17 % 50000, inet '203.0.113.0' + p_node_id, NULL, NULL
    )::ctaudit.opening_row;
$$;

-- Connections [p_from, p_until), begun evenly in the span. Each p_kept-th goes on; the others end
-- p_lasting after they began, or before the span is over. p_openings: false leaves the openings out.
CREATE PROCEDURE bench.fill(
    p_node text, p_from bigint, p_until bigint, p_since timestamptz, p_span interval, p_kept bigint,
    p_lasting interval, p_openings boolean DEFAULT true
) LANGUAGE plpgsql AS $$
DECLARE
    v_node_id smallint := (SELECT node_id FROM ctaudit.node WHERE node = p_node);
BEGIN
    INSERT INTO ctaudit.opening_row
    SELECT o.* FROM generate_series(p_from, p_until - 1) AS n, LATERAL bench.opening(
        v_node_id, n, p_since + p_span * ((n - p_from)::float8 / (p_until - p_from))
    ) AS o WHERE p_openings;
    INSERT INTO ctaudit.flow_row (
        received_at, started_at, ended_at, orig_packets, orig_bytes, reply_packets, reply_bytes,
        ct_id, zones, orig_sport, orig_dport, reply_sport, reply_dport, status, node_id, proto,
        state, started_source, ended_source, orig_src, orig_dst, reply_src, reply_dst
    )
    SELECT
        least(o.started_at + p_lasting, p_since + p_span) + interval '90 ms',
        o.started_at + interval '10 us',
        least(o.started_at + p_lasting, p_since + p_span), 10, 1000, 10, 1000,
        o.ct_id, o.zones, o.orig_sport, o.orig_dport, o.reply_sport, o.reply_dport, o.status,
        o.node_id, o.proto, o.state, 'k', 'k', o.orig_src, o.orig_dst, o.reply_src, o.reply_dst
    FROM generate_series(p_from, p_until - 1) AS n, LATERAL bench.opening(
        v_node_id, n, p_since + p_span * ((n - p_from)::float8 / (p_until - p_from))
    ) AS o
    WHERE n % p_kept > 0;
END $$;

CREATE TABLE bench.batch (name text, number bigint, columns ctaudit.event_columns);

-- The rows of a query for (n, kind, received_at, start_sent) as batches of p_size events.
CREATE PROCEDURE bench.make_batches(p_name text, p_node text, p_size bigint, p_query text)
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format($query$
        INSERT INTO bench.batch
        SELECT %L, b.number, ROW(
            array_agg(b.kind::smallint), array_agg(b.received_at), '{}', array_agg(b.start_sent),
            array_agg(CASE b.kind WHEN 3 THEN b.received_at END), '{}', '{}', '{}',
            array_agg((b.o).proto), array_agg((b.o).orig_src), array_agg((b.o).orig_dst),
            array_agg((b.o).orig_sport), array_agg((b.o).orig_dport), array_agg((b.o).reply_src),
            array_agg((b.o).reply_dst), array_agg((b.o).reply_sport),
            array_agg((b.o).reply_dport), '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}',
            array_agg((b.o).ct_id), '{}', array_agg((b.o).status), array_agg((b.o).state), '{}',
            '{}'
        )::ctaudit.event_columns
        FROM (
            SELECT (row_number() OVER (ORDER BY q.n) - 1) / %s AS number, q.*,
                bench.opening(
                    (SELECT node_id FROM ctaudit.node WHERE node = %L), q.n, q.start_sent
                ) AS o
            FROM (%s) AS q (n, kind, received_at, start_sent)
        ) AS b GROUP BY b.number
    $query$, p_name, p_size, p_node, p_query);
END $$;

-- Sends one batch, or coverage alone; the time of the CALL in milliseconds.
CREATE PROCEDURE bench.send(
    p_node text, p_stream uuid, p_from bigint, p_covered timestamptz, p_name text, p_number bigint,
    INOUT ms float8
) LANGUAGE plpgsql AS $$
DECLARE
    c ctaudit.event_columns;
    v_began timestamptz;
BEGIN
    SELECT (b.columns).* INTO c FROM bench.batch AS b
    WHERE b.name = p_name AND b.number = p_number;
    IF NOT FOUND THEN
        c := ROW('{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}',
            '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}',
            '{}', '{}');
    END IF;
    v_began := clock_timestamp();
    CALL ctaudit.record_live(
        p_node, p_stream, p_from, p_from + 1000, p_covered, c.kind, c.received_at, c.event_at,
        c.start_sent, c.stop_sent, c.zone, c.orig_zone, c.reply_zone, c.proto, c.orig_src,
        c.orig_dst, c.orig_sport, c.orig_dport, c.reply_src, c.reply_dst, c.reply_sport,
        c.reply_dport, c.orig_icmp_type, c.orig_icmp_code, c.reply_icmp_type, c.reply_icmp_code,
        c.orig_packets, c.orig_bytes, c.reply_packets, c.reply_bytes, c.ct_id, c.mark, c.status,
        c.state, c.helper, c.labels
    );
    ms := 1000 * extract(epoch FROM clock_timestamp() - v_began);
END $$;

-- Connections [p_from, p_until) of a steady load, one each p_every seconds since p_since, and the
-- ends that come meanwhile: each connection but the p_kept-th lasts p_lasting seconds.
CREATE PROCEDURE bench.steady(
    p_node text, p_from bigint, p_until bigint, p_since timestamptz, p_every float8,
    p_lasting float8, p_kept bigint
) LANGUAGE plpgsql AS $$
DECLARE
    v_node_id smallint := (SELECT node_id FROM ctaudit.node WHERE node = p_node);
    v_behind bigint := p_lasting / p_every;
BEGIN
    INSERT INTO ctaudit.opening_row
    SELECT o.* FROM generate_series(p_from, p_until - 1) AS n, LATERAL bench.opening(
        v_node_id, n, p_since + n * p_every * interval '1 s'
    ) AS o;
    INSERT INTO ctaudit.flow_row (
        received_at, started_at, ended_at, orig_packets, orig_bytes, reply_packets, reply_bytes,
        ct_id, zones, orig_sport, orig_dport, reply_sport, reply_dport, status, node_id, proto,
        state, started_source, ended_source, orig_src, orig_dst, reply_src, reply_dst
    )
    SELECT
        o.received_at + p_lasting * interval '1 s', o.started_at + interval '10 us',
        o.started_at + p_lasting * interval '1 s', 10, 1000, 10, 1000,
        o.ct_id, o.zones, o.orig_sport, o.orig_dport, o.reply_sport, o.reply_dport, o.status,
        o.node_id, o.proto, o.state, 'k', 'k', o.orig_src, o.orig_dst, o.reply_src, o.reply_dst
    FROM generate_series(
        greatest(p_from - v_behind, 0), p_until - v_behind - 1
    ) AS n, LATERAL bench.opening(v_node_id, n, p_since + n * p_every * interval '1 s') AS o
    WHERE n % p_kept > 0;
END $$;
