-- As pg_dump 15 writes a fresh installation.
CREATE SCHEMA ctaudit;
ALTER SCHEMA ctaudit OWNER TO ctaudit_owner;
CREATE TYPE ctaudit.provenance AS ENUM (
    'event',
    'dump',
    'late',
    'unobserved'
);
ALTER TYPE ctaudit.provenance OWNER TO ctaudit_owner;
CREATE TYPE ctaudit.time_source AS ENUM (
    'kernel',
    'event',
    'receiver',
    'dump'
);
ALTER TYPE ctaudit.time_source OWNER TO ctaudit_owner;
CREATE TYPE ctaudit.connection AS (
	node text,
	direction text,
	state text,
	exact boolean,
	host inet,
	host_port integer,
	remote inet,
	remote_port integer,
	started_at timestamp with time zone,
	started_source ctaudit.time_source,
	started_after timestamp with time zone,
	ended_at timestamp with time zone,
	ended_source ctaudit.time_source,
	ended_after timestamp with time zone,
	ended_before timestamp with time zone,
	ended_cause text,
	last_seen_at timestamp with time zone,
	provenance ctaudit.provenance,
	zone integer,
	orig_zone integer,
	reply_zone integer,
	proto smallint,
	orig_src inet,
	orig_dst inet,
	orig_sport integer,
	orig_dport integer,
	reply_src inet,
	reply_dst inet,
	reply_sport integer,
	reply_dport integer,
	orig_icmp_type smallint,
	orig_icmp_code smallint,
	reply_icmp_type smallint,
	reply_icmp_code smallint,
	orig_packets bigint,
	orig_bytes bigint,
	reply_packets bigint,
	reply_bytes bigint,
	ct_id bigint,
	mark bigint,
	status integer,
	protocol_state smallint,
	helper text,
	labels bytea
);
ALTER TYPE ctaudit.connection OWNER TO ctaudit_owner;
CREATE FUNCTION ctaudit.advance(p_node text, p_stream uuid, p_from bigint, p_until bigint, p_covered_until timestamp with time zone, p_received bigint, p_kept bigint) RETURNS boolean
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
AS $$
DECLARE
    v_batch ctaudit.batch;
BEGIN
    IF p_from IS NULL OR p_until IS NULL OR p_until < p_from THEN
        RAISE EXCEPTION 'not a span of a stream: from % until %', p_from, p_until
            USING ERRCODE = 'CT001';
    END IF;
    SELECT * INTO v_batch FROM ctaudit.batch AS b
    WHERE b.node = p_node AND b.stream = p_stream
    FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'stream % of node % is not known; its start note comes first',
            p_stream, p_node USING ERRCODE = 'CT002';
    END IF;
    IF v_batch.position <> p_from THEN
        IF v_batch.position >= p_until THEN
            RETURN false;
        END IF;
        RAISE EXCEPTION 'stream % of node % is committed until %, the batch begins at %',
            p_stream, p_node, v_batch.position, p_from USING ERRCODE = 'CT001';
    END IF;
    IF v_batch.pending_dump_id IS NOT NULL THEN
        PERFORM ctaudit.reconcile(p_node, p_stream);
    END IF;
    UPDATE ctaudit.batch AS b SET
        position = p_until,
        committed_at = clock_timestamp(),
        sent_after = b.covered_until,
        covered_until = greatest(b.covered_until, p_covered_until),
        received = b.received + p_received,
        stored = b.stored + p_kept,
        filtered = b.filtered + p_received - p_kept
    WHERE b.node = p_node AND b.stream = p_stream;
    IF v_batch.covered_from IS NOT NULL THEN
        UPDATE ctaudit.coverage AS c SET covered_until = p_covered_until
        WHERE c.node = p_node AND c.stream = p_stream AND c.covered_from = v_batch.covered_from
            AND c.covered_until < p_covered_until;
    END IF;
    RETURN true;
END
$$;
ALTER FUNCTION ctaudit.advance(p_node text, p_stream uuid, p_from bigint, p_until bigint, p_covered_until timestamp with time zone, p_received bigint, p_kept bigint) OWNER TO ctaudit_owner;
CREATE FUNCTION ctaudit.alive(p_node text, p_dump bigint) RETURNS SETOF ctaudit.connection
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_nestloop TO 'off'
AS $_$
DECLARE
    v_began timestamptz := '-infinity';
    v_ended timestamptz := '-infinity';
BEGIN
    IF p_dump IS NOT NULL THEN
        SELECT d.began_at, d.ended_at INTO STRICT v_began, v_ended
        FROM ctaudit.dump AS d WHERE d.dump_id = p_dump AND d.node = p_node;
    END IF;
    RETURN QUERY EXECUTE $query$
        WITH seen AS (
            SELECT
                p.started_at,
                CASE WHEN p.started_at IS NULL THEN 'dump' ELSE 'kernel' END::ctaudit.time_source
                    AS started_source,
                NULL::timestamptz AS started_after, $3::timestamptz AS seen_at,
                $3::timestamptz AS last_seen_at, 'dump'::ctaudit.provenance AS provenance,
                p.zone, p.orig_zone, p.reply_zone, p.proto,
                p.orig_src, p.orig_dst, p.orig_sport, p.orig_dport,
                p.reply_src, p.reply_dst, p.reply_sport, p.reply_dport,
                p.orig_icmp_type, p.orig_icmp_code, p.reply_icmp_type, p.reply_icmp_code,
                p.orig_packets, p.orig_bytes, p.reply_packets, p.reply_bytes,
                p.ct_id, p.mark, p.status, p.state, p.helper, p.labels
            FROM ctaudit.progress AS p
            WHERE p.dump_id = $2 AND p.node = $1
                AND p.received_at >= $3 - interval '2 hours'
                AND p.received_at <= $4 + interval '2 hours'
            UNION ALL
            SELECT
                o.started_at, o.started_source, o.started_after, o.received_at,
                coalesce(o.started_after, o.started_at), o.provenance,
                o.zone, o.orig_zone, o.reply_zone, o.proto,
                o.orig_src, o.orig_dst, o.orig_sport, o.orig_dport,
                o.reply_src, o.reply_dst, o.reply_sport, o.reply_dport,
                o.orig_icmp_type, o.orig_icmp_code, o.reply_icmp_type, o.reply_icmp_code,
                NULL, NULL, NULL, NULL,
                o.ct_id, o.mark, o.status, o.state, o.helper, o.labels
            FROM ctaudit.opening AS o
            WHERE o.node = $1 AND o.received_at >= $3
        )
        SELECT
            $1, CASE WHEN s.status & 32 <> 0 AND s.status & 16 = 0 THEN 'inward'
                ELSE 'outward' END,
            'open', true,
            CASE WHEN s.status & 32 <> 0 AND s.status & 16 = 0 THEN s.reply_src
                ELSE s.orig_src END,
            CASE WHEN s.status & 32 <> 0 AND s.status & 16 = 0 THEN s.reply_sport
                ELSE s.orig_sport END,
            CASE WHEN s.status & 32 <> 0 AND s.status & 16 = 0 THEN s.orig_src
                ELSE s.reply_src END,
            CASE WHEN s.status & 32 <> 0 AND s.status & 16 = 0 THEN s.orig_sport
                ELSE s.reply_sport END,
            s.started_at, s.started_source, s.started_after,
            NULL::timestamptz, NULL::ctaudit.time_source, NULL::timestamptz, NULL::timestamptz,
            NULL::text, s.last_seen_at, s.provenance,
            s.zone, s.orig_zone, s.reply_zone, s.proto,
            s.orig_src, s.orig_dst, s.orig_sport, s.orig_dport,
            s.reply_src, s.reply_dst, s.reply_sport, s.reply_dport,
            s.orig_icmp_type, s.orig_icmp_code, s.reply_icmp_type, s.reply_icmp_code,
            s.orig_packets, s.orig_bytes, s.reply_packets, s.reply_bytes,
            s.ct_id, s.mark, s.status, s.state, s.helper, s.labels
        FROM seen AS s
        WHERE NOT EXISTS (
            SELECT FROM ctaudit.flow AS f
            WHERE f.node = $1 AND f.received_at >= $3
                AND f.zone = s.zone AND f.proto = s.proto
                AND f.orig_src = s.orig_src AND f.orig_dst = s.orig_dst
                AND coalesce(f.orig_sport, -1) = coalesce(s.orig_sport, -1)
                AND coalesce(f.orig_dport, -1) = coalesce(s.orig_dport, -1)
                AND coalesce(f.ct_id, -1) = coalesce(s.ct_id, -1)
                AND ctaudit.closes(
                    s.seen_at, s.started_at, s.started_source, s.started_after,
                    f.received_at, f.started_at
                )
        )
    $query$ USING p_node, p_dump, v_began, v_ended;
END
$_$;
ALTER FUNCTION ctaudit.alive(p_node text, p_dump bigint) OWNER TO ctaudit_owner;
CREATE FUNCTION ctaudit.ask(p_from timestamp with time zone, p_until timestamp with time zone, p_node text, p_outward text, p_inward text, p_address inet, p_port integer, p_remote inet, p_remote_port integer, p_proto smallint, p_latest boolean, p_open boolean, p_limit integer) RETURNS SETOF ctaudit.connection
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_nestloop TO 'off'
    SET jit TO 'off'
    SET work_mem TO '64MB'
AS $$
DECLARE
    v_from timestamptz := coalesce(p_from, '-infinity');
    v_until timestamptz := coalesce(p_until, 'infinity');
    v_since timestamptz;
    v_timed boolean;
    v_before bigint[];
    v_after bigint[];
    v_entries_from timestamptz;
    v_entries_until timestamptz;
    v_flows_until timestamptz;
    v_connection ctaudit.connection;
    v_count integer := 0;
BEGIN
    -- Only dumps with the kernel's start can stand for the openings before them.
    SELECT
        min(coalesce(CASE WHEN b.detail ->> 'timestamp' = '1' THEN d.began_at END, '-infinity')),
        bool_and(coalesce(t.timed, false)),
        array_agg(d.dump_id) FILTER (WHERE d.dump_id IS NOT NULL),
        array_agg(a.dump_id) FILTER (WHERE a.dump_id IS NOT NULL),
        min(least(d.began_at, a.began_at)),
        max(greatest(d.ended_at, a.ended_at)),
        max(coalesce(CASE WHEN t.timed THEN a.ended_at END, 'infinity')) + interval '2 hours'
    INTO v_since, v_timed, v_before, v_after, v_entries_from, v_entries_until, v_flows_until
    FROM ctaudit.node AS n
    LEFT JOIN LATERAL (
        SELECT * FROM ctaudit.dump AS d
        WHERE d.node = n.node AND d.ended_at <= v_from
        ORDER BY d.ended_at DESC, d.dump_id DESC LIMIT 1
    ) AS d ON true
    LEFT JOIN LATERAL (
        SELECT * FROM ctaudit.dump AS a
        WHERE a.node = n.node AND a.began_at >= v_until AND a.ended_at >= v_until
        ORDER BY a.ended_at, a.dump_id LIMIT 1
    ) AS a ON true
    LEFT JOIN ctaudit.batch AS b ON b.node = d.node AND b.stream = d.stream
    LEFT JOIN LATERAL (
        SELECT bool_and(s.detail ->> 'timestamp' = '1') AS timed
        FROM ctaudit.batch AS s WHERE s.node = n.node
    ) AS t ON true
    WHERE (p_node IS NULL OR n.node = p_node)
        AND (n.retired_at IS NULL OR n.retired_at >= v_from);

    FOR v_connection IN
        EXECUTE ctaudit.connection_query(p_outward, p_inward) || ' ORDER BY started_at NULLS FIRST'
        USING v_from, v_until, p_node, coalesce(v_since, '-infinity'),
            CASE WHEN v_timed THEN v_until + interval '2 hours' ELSE 'infinity' END,
            coalesce(v_before, '{}'), coalesce(v_after, '{}'),
            v_entries_from - interval '2 hours', v_entries_until + interval '2 hours', p_latest,
            p_address, p_port, p_remote, p_remote_port, p_proto,
            coalesce(v_flows_until, 'infinity')
    LOOP
        IF v_flows_until < 'infinity' AND v_connection.state IN ('open', 'unknown') THEN
            v_connection := ctaudit.late_end(v_connection, v_flows_until);
        END IF;
        CONTINUE WHEN p_open AND v_connection.state NOT IN ('open', 'unknown');
        EXIT WHEN v_count >= p_limit;
        v_count := v_count + 1;
        RETURN NEXT v_connection;
    END LOOP;
END
$$;
ALTER FUNCTION ctaudit.ask(p_from timestamp with time zone, p_until timestamp with time zone, p_node text, p_outward text, p_inward text, p_address inet, p_port integer, p_remote inet, p_remote_port integer, p_proto smallint, p_latest boolean, p_open boolean, p_limit integer) OWNER TO ctaudit_owner;
CREATE FUNCTION ctaudit.begin_coverage(p_node text, p_stream uuid, p_at timestamp with time zone, p_openings boolean, p_ends boolean) RETURNS void
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
AS $$
    INSERT INTO ctaudit.coverage AS c (
        node, stream, covered_from, covered_until, openings, ends
    ) VALUES (p_node, p_stream, p_at, p_at, p_openings, p_ends)
    ON CONFLICT (node, stream, covered_from) DO UPDATE SET
        openings = c.openings OR excluded.openings, ends = c.ends OR excluded.ends;
    UPDATE ctaudit.batch AS b SET covered_from = p_at
    WHERE b.node = p_node AND b.stream = p_stream;
$$;
ALTER FUNCTION ctaudit.begin_coverage(p_node text, p_stream uuid, p_at timestamp with time zone, p_openings boolean, p_ends boolean) OWNER TO ctaudit_owner;
CREATE FUNCTION ctaudit.begin_stream(p_node text, p_stream uuid, p_until bigint, p_at timestamp with time zone, p_detail jsonb) RETURNS boolean
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
AS $$
DECLARE
    v_mode text := coalesce(p_detail ->> 'mode', 'live');
    v_covered timestamptz;
BEGIN
    INSERT INTO ctaudit.node (node, first_seen) VALUES (p_node, p_at)
    ON CONFLICT (node) DO NOTHING;
    INSERT INTO ctaudit.batch (
        node, stream, mode, started_at, committed_at, position, covered_until, sent_after, detail
    ) VALUES (
        p_node, p_stream, v_mode, p_at, clock_timestamp(), p_until, p_at, p_at, p_detail
    ) ON CONFLICT (node, stream) DO NOTHING;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    SELECT max(c.covered_until) INTO v_covered FROM ctaudit.coverage AS c WHERE c.node = p_node;
    IF v_covered IS NOT NULL THEN
        PERFORM ctaudit.open_gap(
            p_node, p_stream, v_mode, least(v_covered, p_at), NULL, 'not listening', NULL,
            jsonb_build_object('started_at', p_at)
        );
    END IF;
    RETURN true;
END
$$;
ALTER FUNCTION ctaudit.begin_stream(p_node text, p_stream uuid, p_until bigint, p_at timestamp with time zone, p_detail jsonb) OWNER TO ctaudit_owner;
CREATE FUNCTION ctaudit.closes(p_seen_at timestamp with time zone, p_started_at timestamp with time zone, p_source ctaudit.time_source, p_after timestamp with time zone, p_flow_received_at timestamp with time zone, p_flow_started_at timestamp with time zone) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE WHEN ((p_flow_started_at IS NULL) OR (p_started_at IS NULL)) THEN (p_flow_received_at >= p_seen_at) WHEN (p_source = ANY (ARRAY['kernel'::ctaudit.time_source, 'event'::ctaudit.time_source])) THEN ((p_flow_started_at >= (p_started_at - '00:00:00.001'::interval)) AND (p_flow_started_at <= (p_started_at + '00:00:00.001'::interval))) WHEN ((p_source = 'receiver'::ctaudit.time_source) AND (p_after IS NOT NULL)) THEN ((p_flow_started_at >= (p_after - '00:00:01'::interval)) AND (p_flow_started_at <= (p_started_at + '00:00:00.001'::interval))) ELSE ((p_flow_received_at >= p_seen_at) AND (p_flow_started_at <= (p_started_at + '00:00:00.001'::interval))) END;
ALTER FUNCTION ctaudit.closes(p_seen_at timestamp with time zone, p_started_at timestamp with time zone, p_source ctaudit.time_source, p_after timestamp with time zone, p_flow_received_at timestamp with time zone, p_flow_started_at timestamp with time zone) OWNER TO ctaudit_owner;
CREATE FUNCTION ctaudit.completeness(p_node text, p_from timestamp with time zone, p_until timestamp with time zone) RETURNS TABLE(node text, complete boolean, why text, covered_from timestamp with time zone, covered_until timestamp with time zone)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
AS $$
    WITH asked AS (
        SELECT n.node, n.first_seen, n.retired_at, b.mode
        FROM ctaudit.node AS n
        LEFT JOIN LATERAL (
            SELECT b.mode FROM ctaudit.batch AS b WHERE b.node = n.node
            ORDER BY b.started_at <= p_from DESC,
                CASE WHEN b.started_at <= p_from THEN b.started_at END DESC, b.started_at
            LIMIT 1
        ) AS b ON true
        WHERE n.node = p_node OR (
            p_node IS NULL AND n.first_seen < p_until
            AND (n.retired_at IS NULL OR n.retired_at >= p_from)
        )
    ),
    proof AS (
        SELECT
            a.*, o.covered_until IS NOT NULL AS by_openings, d.ended_at AS dump_ended_at,
            near.covered_from, near.covered_until, near.openings, first.kept_from
        FROM asked AS a
        LEFT JOIN LATERAL (
            SELECT c.covered_until FROM ctaudit.coverage AS c
            WHERE c.node = a.node AND c.openings AND c.ends
                AND c.covered_from <= p_from AND c.covered_until >= p_until
            LIMIT 1
        ) AS o ON true
        LEFT JOIN LATERAL (
            SELECT d.ended_at FROM ctaudit.dump AS d
            WHERE d.node = a.node AND d.began_at >= p_until AND d.ended_at >= p_until
                AND EXISTS (
                    SELECT FROM ctaudit.coverage AS c
                    WHERE c.node = a.node AND c.ends
                        AND c.covered_from <= p_from AND c.covered_until >= d.ended_at
                )
            ORDER BY d.ended_at LIMIT 1
        ) AS d ON true
        LEFT JOIN LATERAL (
            SELECT c.covered_from, c.covered_until, c.openings FROM ctaudit.coverage AS c
            WHERE c.node = a.node
            ORDER BY
                c.covered_from <= p_from DESC,
                CASE WHEN c.covered_from <= p_from THEN c.covered_from END DESC, c.covered_from
            LIMIT 1
        ) AS near ON true
        LEFT JOIN LATERAL (
            SELECT min(c.covered_from) AS kept_from FROM ctaudit.coverage AS c
            WHERE c.node = a.node
        ) AS first ON true
    ),
    -- Words for a gap that touches the span, and for one before the dump that would prove by ends.
    gapped AS (
        SELECT p.*, g.words AS gap_words, h.words AS later_words
        FROM proof AS p
        LEFT JOIN LATERAL (
            SELECT ctaudit.gap_words(g) AS words FROM ctaudit.gap AS g
            WHERE g.node = p.node AND g.gap_from < p_until
                AND coalesce(g.gap_until, 'infinity') >= p_from
            ORDER BY g.gap_from, g.gap_id LIMIT 1
        ) AS g ON true
        LEFT JOIN LATERAL (
            SELECT ctaudit.gap_words(g) AS words FROM ctaudit.gap AS g
            WHERE g.node = p.node AND g.hides_ends
                AND g.gap_from <= coalesce(p.dump_ended_at, 'infinity')
                AND coalesce(g.gap_until, 'infinity') >= p_from
            ORDER BY g.gap_from, g.gap_id LIMIT 1
        ) AS h ON true
    ),
    said AS (
        SELECT
            g.*,
            CASE
                WHEN g.mode = 'nat' THEN 'nat mode does not record when connections end'
                WHEN s.step_seconds IS NOT NULL THEN format(
                    'the clock was stepped by %s s at %s', round(s.step_seconds::numeric, 3), s.at)
                WHEN g.by_openings AND g.gap_words IS NULL THEN NULL
                WHEN g.dump_ended_at IS NOT NULL AND g.later_words IS NULL THEN NULL
                WHEN p_from < g.first_seen THEN format(
                    'before the first record, which begins at %s', g.first_seen)
                WHEN g.gap_words IS NOT NULL THEN g.gap_words
                WHEN g.covered_from IS NULL THEN 'nothing is covered yet'
                WHEN p_from < g.kept_from AND g.first_seen < g.kept_from
                    AND r.trimmed THEN format(
                    'past retention: the record is kept from %s', g.kept_from)
                WHEN p_from < g.kept_from THEN format(
                    'before the first coverage, which begins at %s', g.kept_from)
                WHEN g.covered_until < p_until AND later.covered_from IS NULL THEN format(
                    'not yet recorded: covered until %s', g.covered_until)
                WHEN g.covered_until < p_until THEN format(
                    'not covered from %s until %s', g.covered_until, later.covered_from)
                WHEN g.mode = 'history' OR NOT g.openings THEN coalesce(
                    g.later_words,
                    'connections alive then may not have ended yet, and no later table dump '
                    'shows them')
                ELSE 'not covered'
            END AS words
        FROM gapped AS g
        LEFT JOIN LATERAL (
            SELECT k.at, k.step_seconds FROM ctaudit.clock AS k
            WHERE k.node = g.node AND k.step_seconds IS NOT NULL
                AND k.at + abs(k.step_seconds) * interval '1 second' >= p_from
                AND k.at - abs(k.step_seconds) * interval '1 second' < p_until
            ORDER BY k.at LIMIT 1
        ) AS s ON true
        LEFT JOIN LATERAL (
            SELECT min(c.covered_from) AS covered_from FROM ctaudit.coverage AS c
            WHERE c.node = g.node AND c.covered_from > g.covered_until
        ) AS later ON true
        LEFT JOIN LATERAL (
            -- Retention has cut off what the first stream covered.
            SELECT EXISTS (
                SELECT FROM ctaudit.note AS x WHERE x.node = g.node AND x.note = 'start'
                    AND x.at <= g.first_seen
            ) IS FALSE AS trimmed
        ) AS r ON true
    )
    SELECT
        s.node, s.words IS NULL,
        CASE WHEN s.words IS NOT NULL THEN s.node || ': ' || s.words END,
        s.covered_from, s.covered_until
    FROM said AS s
    ORDER BY s.node;
$$;
ALTER FUNCTION ctaudit.completeness(p_node text, p_from timestamp with time zone, p_until timestamp with time zone) OWNER TO ctaudit_owner;
CREATE FUNCTION ctaudit.connection_query(p_outward text, p_inward text) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
AS $_$
    SELECT regexp_replace(replace(replace($query$
    WITH o AS MATERIALIZED (
        SELECT
            r.*, <direction> AS direction,
            row_number() OVER same AS place, first_value(r.ctid::text) OVER same AS leader,
            lead(r.started_at) OVER tuple AS next_at
        FROM ctaudit.opening AS r
        WHERE r.received_at >= $4 AND r.received_at < $5
            AND ($3::text IS NULL OR r.node = $3) AND <asked>
        WINDOW
            same AS (
                PARTITION BY r.node, r.zone, r.proto, r.orig_src, r.orig_dst, r.orig_sport,
                    r.orig_dport, r.ct_id, r.received_at, r.started_at ORDER BY r.ctid
            ),
            tuple AS (
                PARTITION BY r.node, r.zone, r.proto, r.orig_src, r.orig_dst, r.orig_sport,
                    r.orig_dport, r.orig_icmp_type, r.orig_icmp_code
                ORDER BY r.received_at, r.started_at, r.ctid
            )
    ),
    f AS MATERIALIZED (
        SELECT r.*, <direction> AS direction, row_number() OVER () AS number
        FROM ctaudit.flow AS r
        WHERE r.received_at >= least($1, $4) - interval '2 hours' AND r.received_at < $16
            AND (r.started_at IS NULL OR r.started_at < $5)
            AND ($3::text IS NULL OR r.node = $3) AND <asked>
    ),
    e AS MATERIALIZED (
        SELECT DISTINCT ON (
            r.node, r.zone, r.proto, r.orig_src, r.orig_dst, r.orig_sport, r.orig_dport,
            r.ct_id, r.started_at
        )
            r.*, <direction> AS direction, d.began_at, r.dump_id = ANY ($7) AS after,
            CASE WHEN r.started_at IS NULL THEN 'dump' ELSE 'kernel' END::ctaudit.time_source
                AS started_source
        FROM ctaudit.progress AS r
        JOIN ctaudit.dump AS d ON d.dump_id = r.dump_id
        WHERE r.dump_id = ANY ($6 || $7) AND r.received_at >= $8 AND r.received_at <= $9
            AND (r.started_at IS NULL OR r.started_at < $2) AND <asked>
        ORDER BY
            r.node, r.zone, r.proto, r.orig_src, r.orig_dst, r.orig_sport, r.orig_dport,
            r.ct_id, r.started_at, r.received_at DESC
    ),
    taken AS MATERIALIZED (
        SELECT DISTINCT ON (f.number)
            f.number, o.leader, o.received_at, o.started_at, o.started_source, o.started_after
        FROM f JOIN o ON <same f o>
            AND ctaudit.closes(
                o.received_at, o.started_at, o.started_source, o.started_after,
                f.received_at, f.started_at
            )
        ORDER BY
            f.number, CASE WHEN f.started_at IS NOT NULL THEN o.received_at END,
            o.received_at DESC, o.place
    ),
    taken_often AS (
        SELECT t.leader, t.received_at, count(*) AS times
        FROM taken AS t GROUP BY t.leader, t.received_at
    ),
    entry AS MATERIALIZED (
        SELECT e.*, row_number() OVER () AS number FROM e
    ),
    entry_flow AS MATERIALIZED (
        SELECT DISTINCT ON (e.number) e.number, f.number AS flow_number, e.began_at
        FROM entry AS e JOIN f ON <same f e> AND ctaudit.closes(
            e.began_at, e.started_at, e.started_source, NULL, f.received_at, f.started_at
        )
        ORDER BY e.number, f.received_at
    ),
    flow_seen AS (
        SELECT x.flow_number AS number, max(x.began_at) AS seen_at
        FROM entry_flow AS x GROUP BY x.flow_number
    ),
    opening_seen AS (
        SELECT o.leader, o.received_at, max(e.began_at) AS seen_at,
            max(e.started_at) AS started_at
        FROM o JOIN entry AS e ON <same e o> AND ctaudit.closes(
            o.received_at, o.started_at, o.started_source, o.started_after,
            e.received_at, e.started_at
        )
        GROUP BY o.leader, o.received_at
    ),
    covered AS (
        SELECT v.node, max(v.covered_until) AS until
        FROM ctaudit.coverage AS v WHERE v.ends GROUP BY v.node
    ),
    found AS (
        SELECT
            f.node, f.direction, f.provenance,
            CASE f.provenance WHEN 'unobserved' THEN 'unobserved' ELSE 'ended' END AS state,
            coalesce(f.started_at, t.started_at) AS started_at,
            CASE WHEN f.started_at IS NULL THEN t.started_source ELSE f.started_source END
                AS started_source,
            CASE WHEN f.started_at IS NULL THEN t.started_after END AS started_after,
            f.ended_at, f.ended_source, f.ended_after, f.ended_before, f.ended_cause,
            w.seen_at AS last_seen_at,
            coalesce(
                f.ended_at, f.ended_before, greatest(f.received_at, f.stop_sent, f.started_at)
            ) AS gone_at,
            f.received_at, NULL::timestamptz AS next_at,
            f.zone, f.orig_zone, f.reply_zone, f.proto,
            f.orig_src, f.orig_dst, f.orig_sport, f.orig_dport,
            f.reply_src, f.reply_dst, f.reply_sport, f.reply_dport,
            f.orig_icmp_type, f.orig_icmp_code, f.reply_icmp_type, f.reply_icmp_code,
            f.orig_packets, f.orig_bytes, f.reply_packets, f.reply_bytes,
            f.ct_id, f.mark, f.status, f.state AS protocol_state, f.helper, f.labels
        FROM f LEFT JOIN taken AS t USING (number) LEFT JOIN flow_seen AS w USING (number)
        WHERE f.provenance <> 'unobserved' OR NOT EXISTS (
            SELECT FROM f AS g LEFT JOIN taken AS u USING (number)
            WHERE g.provenance <> 'unobserved' AND <same f g>
                AND CASE WHEN t.leader IS NOT NULL AND u.leader IS NOT NULL
                    THEN t.leader = u.leader AND t.received_at = u.received_at
                    ELSE ctaudit.closes(
                        f.ended_after, f.started_at, f.started_source, NULL,
                        g.received_at, g.started_at
                    ) END
        )
        UNION ALL
        SELECT
            o.node, o.direction, o.provenance, 'open',
            coalesce(w.started_at, o.started_at),
            CASE WHEN w.started_at IS NULL THEN o.started_source ELSE 'kernel' END,
            CASE WHEN w.started_at IS NULL THEN o.started_after END,
            NULL, NULL, NULL, NULL, NULL,
            greatest(
                CASE o.started_source WHEN 'receiver' THEN o.started_after
                    ELSE o.started_at END,
                w.seen_at
            ),
            coalesce(o.next_at, 'infinity'), o.received_at, o.next_at,
            o.zone, o.orig_zone, o.reply_zone, o.proto,
            o.orig_src, o.orig_dst, o.orig_sport, o.orig_dport,
            o.reply_src, o.reply_dst, o.reply_sport, o.reply_dport,
            o.orig_icmp_type, o.orig_icmp_code, o.reply_icmp_type, o.reply_icmp_code,
            NULL, NULL, NULL, NULL,
            o.ct_id, o.mark, o.status, o.state, o.helper, o.labels
        FROM o LEFT JOIN taken_often AS t USING (leader, received_at)
        LEFT JOIN opening_seen AS w USING (leader, received_at)
        WHERE o.place > coalesce(t.times, 0)
        UNION ALL
        SELECT
            e.node, e.direction, 'dump', CASE WHEN e.after OR NOT e.node = ANY (
                SELECT d.node FROM ctaudit.dump AS d WHERE d.dump_id = ANY ($7)
            ) THEN 'open' ELSE 'unobserved' END,
            e.started_at, e.started_source, NULL,
            NULL, NULL, NULL, NULL, NULL, e.began_at, 'infinity', e.received_at, NULL,
            e.zone, e.orig_zone, e.reply_zone, e.proto,
            e.orig_src, e.orig_dst, e.orig_sport, e.orig_dport,
            e.reply_src, e.reply_dst, e.reply_sport, e.reply_dport,
            e.orig_icmp_type, e.orig_icmp_code, e.reply_icmp_type, e.reply_icmp_code,
            e.orig_packets, e.orig_bytes, e.reply_packets, e.reply_bytes,
            e.ct_id, e.mark, e.status, e.state, e.helper, e.labels
        FROM entry AS e LEFT JOIN entry_flow AS x USING (number)
        WHERE x.number IS NULL AND NOT EXISTS (
            SELECT FROM o LEFT JOIN taken_often AS t USING (leader, received_at)
            WHERE <same o e>
                AND (e.started_at IS NOT NULL OR o.place > coalesce(t.times, 0))
                AND ctaudit.closes(
                    coalesce(o.started_after, o.received_at), o.started_at, o.started_source,
                    o.started_after, e.received_at, e.started_at
                )
        )
    ),
    stream AS MATERIALIZED (
        SELECT
            b.node, b.mode, b.started_at,
            lead(b.started_at) OVER (PARTITION BY b.node ORDER BY b.started_at) AS until
        FROM ctaudit.batch AS b
    ),
    judged AS (
        SELECT
            c.*, coalesce(s.mode, 'live') AS mode,
            CASE WHEN c.gone_at = 'infinity' AND c.state = 'open' THEN
                c.last_seen_at >= $2 OR (
                    v.until >= $1
                    AND NOT EXISTS (
                        SELECT FROM ctaudit.gap AS g
                        WHERE g.node = c.node AND g.hides_ends AND g.gap_from < $2
                            AND coalesce(g.gap_until, 'infinity')
                                > coalesce(c.last_seen_at, c.started_at)
                    )
                )
            END AS surely_open,
            CASE WHEN coalesce(s.mode, 'live') = 'nat' AND c.state = 'open'
                    AND coalesce(c.started_at < $1, true) THEN
                row_number() OVER (
                    PARTITION BY c.node, s.mode, c.state,
                        coalesce(c.started_at < $1, true), c.direction, c.zone, c.proto,
                        CASE c.direction WHEN 'outward' THEN c.reply_dst
                            ELSE c.orig_dst END,
                        CASE c.direction WHEN 'outward' THEN c.reply_dport ELSE c.orig_dport END
                    ORDER BY c.started_at DESC NULLS LAST, c.received_at DESC
                )
            END AS nth_before
        FROM found AS c LEFT JOIN covered AS v ON v.node = c.node
        LEFT JOIN stream AS s ON s.node = c.node AND c.received_at >= s.started_at
            AND (s.until IS NULL OR c.received_at < s.until)
        WHERE coalesce(c.started_after, c.started_at, '-infinity') < $2 AND c.gone_at >= $1
    )
    SELECT
        j.node, j.direction,
        CASE
            WHEN j.state <> 'open' THEN j.state
            WHEN j.mode = 'nat' THEN 'unknown'
            WHEN j.next_at IS NOT NULL THEN 'unobserved'
            WHEN j.surely_open THEN 'open'
            ELSE 'unknown'
        END,
        j.mode <> 'nat' AND j.started_at < $2 AND j.started_at IS NOT NULL AND coalesce(
            j.started_source <> 'dump' AND coalesce(j.started_after, j.started_at) >= $1
            OR j.last_seen_at >= $1
            OR j.state = 'ended' AND j.ended_source = 'kernel'
            OR j.ended_after >= $1
            OR j.surely_open, false),
        CASE j.direction WHEN 'outward' THEN j.orig_src ELSE j.reply_src END,
        CASE j.direction WHEN 'outward' THEN j.orig_sport ELSE j.reply_sport END,
        CASE j.direction WHEN 'outward' THEN j.reply_src ELSE j.orig_src END,
        CASE j.direction WHEN 'outward' THEN j.reply_sport ELSE j.orig_sport END,
        j.started_at, j.started_source, j.started_after, j.ended_at, j.ended_source,
        CASE WHEN j.ended_after IS NULL AND (j.next_at IS NOT NULL OR j.state = 'unobserved')
            THEN j.last_seen_at ELSE j.ended_after END,
        coalesce(j.ended_before, j.next_at, CASE WHEN j.state = 'unobserved' THEN (
            SELECT min(d.ended_at) FROM ctaudit.dump AS d
            WHERE d.node = j.node AND d.dump_id = ANY ($7)
        ) END),
        j.ended_cause, j.last_seen_at, j.provenance,
        j.zone, j.orig_zone, j.reply_zone, j.proto,
        j.orig_src, j.orig_dst, j.orig_sport, j.orig_dport,
        j.reply_src, j.reply_dst, j.reply_sport, j.reply_dport,
        j.orig_icmp_type, j.orig_icmp_code, j.reply_icmp_type, j.reply_icmp_code,
        j.orig_packets, j.orig_bytes, j.reply_packets, j.reply_bytes,
        j.ct_id, j.mark, j.status, j.protocol_state, j.helper, j.labels
    FROM judged AS j
    WHERE (j.nth_before IS NULL OR $10 AND j.nth_before = 1)
    $query$, '<asked>', '(' || p_outward || ' OR (r.status & 32) <> 0 AND ' || p_inward || ')'),
    '<direction>', '(CASE WHEN ' || p_outward || ' AND NOT ((coalesce(r.status, 0) & 48) = 32 AND '
        || p_inward || ') THEN ''outward'' ELSE ''inward'' END)'),
    '<same (\w) (\w)>', '(\1.node = \2.node AND \1.zone = \2.zone AND \1.proto = \2.proto '
        'AND \1.orig_src = \2.orig_src AND \1.orig_dst = \2.orig_dst '
        'AND coalesce(\1.orig_sport, -1) = coalesce(\2.orig_sport, -1) '
        'AND coalesce(\1.orig_dport, -1) = coalesce(\2.orig_dport, -1) '
        'AND coalesce(\1.ct_id, -1) = coalesce(\2.ct_id, -1))', 'g');
$_$;
ALTER FUNCTION ctaudit.connection_query(p_outward text, p_inward text) OWNER TO ctaudit_owner;
CREATE FUNCTION ctaudit.count_kinds(p_kind smallint[], p_kept smallint[]) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
AS $$
    SELECT count(*) FROM unnest(p_kind) AS k (kind) WHERE k.kind = ANY (p_kept);
$$;
ALTER FUNCTION ctaudit.count_kinds(p_kind smallint[], p_kept smallint[]) OWNER TO ctaudit_owner;
CREATE FUNCTION ctaudit.detail_time(p_detail jsonb, p_key text) RETURNS timestamp with time zone
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
AS $$
    SELECT CASE jsonb_typeof(p_detail -> p_key)
        WHEN 'number' THEN
            timestamptz '1970-01-01 00:00:00+00'
            + trunc((p_detail ->> p_key)::numeric / 1000)::bigint * interval '1 microsecond'
        WHEN 'string' THEN (p_detail ->> p_key)::timestamptz
    END;
$$;
ALTER FUNCTION ctaudit.detail_time(p_detail jsonb, p_key text) OWNER TO ctaudit_owner;
CREATE FUNCTION ctaudit.end_coverage(p_node text, p_stream uuid) RETURNS void
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
AS $$
    UPDATE ctaudit.batch AS b SET covered_from = NULL, dump_id = NULL
    WHERE b.node = p_node AND b.stream = p_stream;
$$;
ALTER FUNCTION ctaudit.end_coverage(p_node text, p_stream uuid) OWNER TO ctaudit_owner;
CREATE TABLE ctaudit.batch (
    node text NOT NULL,
    stream uuid NOT NULL,
    mode text NOT NULL,
    started_at timestamp with time zone NOT NULL,
    stopped_at timestamp with time zone,
    committed_at timestamp with time zone NOT NULL,
    "position" bigint NOT NULL,
    covered_until timestamp with time zone NOT NULL,
    sent_after timestamp with time zone NOT NULL,
    covered_from timestamp with time zone,
    dump_id bigint,
    pending_dump_id bigint,
    received bigint DEFAULT 0 NOT NULL,
    stored bigint DEFAULT 0 NOT NULL,
    filtered bigint DEFAULT 0 NOT NULL,
    set_aside bigint DEFAULT 0 NOT NULL,
    dropped bigint DEFAULT 0 NOT NULL,
    detail jsonb DEFAULT '{}'::jsonb NOT NULL,
    CONSTRAINT batch_mode_check CHECK ((mode = ANY (ARRAY['live'::text, 'nat'::text, 'history'::text]))),
    CONSTRAINT closed_accounting CHECK ((received = ((stored + filtered) + set_aside)))
)
WITH (fillfactor='20', autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='1000');
ALTER TABLE ctaudit.batch OWNER TO ctaudit_owner;
CREATE FUNCTION ctaudit.end_dump(p_batch ctaudit.batch, p_at timestamp with time zone, p_detail jsonb) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
AS $$
BEGIN
    IF p_batch.dump_id IS NULL THEN
        RETURN;
    END IF;
    UPDATE ctaudit.dump AS d SET
        ended_at = greatest(p_at, d.began_at), entries = (p_detail ->> 'entries')::bigint
    WHERE d.dump_id = p_batch.dump_id;
    UPDATE ctaudit.batch AS b SET dump_id = NULL, pending_dump_id = p_batch.dump_id
    WHERE b.node = p_batch.node AND b.stream = p_batch.stream;
    UPDATE ctaudit.gap AS g SET gap_until = greatest(p_at, g.gap_from)
    WHERE g.node = p_batch.node AND g.gap_until IS NULL;
    IF NOT EXISTS (
        SELECT FROM ctaudit.coverage AS c
        WHERE c.node = p_batch.node AND c.stream = p_batch.stream
            AND c.covered_from = p_batch.covered_from
            AND (c.openings OR p_batch.mode = 'history')
    ) THEN
        PERFORM ctaudit.begin_coverage(
            p_batch.node, p_batch.stream, p_at, p_batch.mode <> 'history', p_batch.mode <> 'nat'
        );
    END IF;
END
$$;
ALTER FUNCTION ctaudit.end_dump(p_batch ctaudit.batch, p_at timestamp with time zone, p_detail jsonb) OWNER TO ctaudit_owner;
CREATE FUNCTION ctaudit.flows(p_host inet DEFAULT NULL::inet, p_nat inet DEFAULT NULL::inet, p_remote inet DEFAULT NULL::inet, p_from timestamp with time zone DEFAULT NULL::timestamp with time zone, p_until timestamp with time zone DEFAULT NULL::timestamp with time zone, p_open boolean DEFAULT false, p_node text DEFAULT NULL::text, p_limit integer DEFAULT NULL::integer) RETURNS SETOF ctaudit.connection
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
AS $_$
DECLARE
    v_outward text := 'true';
    v_inward text := 'true';
    v_answers bigint;
BEGIN
    IF p_host IS NOT NULL THEN
        v_outward := v_outward || ' AND r.orig_src <<= $11';
        v_inward := v_inward || ' AND r.reply_src <<= $11';
    END IF;
    IF p_nat IS NOT NULL THEN
        v_outward := v_outward || ' AND r.reply_dst <<= $13';
        v_inward := v_inward || ' AND r.orig_dst <<= $13';
    END IF;
    IF p_remote IS NOT NULL THEN
        v_outward := v_outward || format(' AND r.reply_src <<= %L::inet', p_remote);
        v_inward := v_inward || format(' AND r.orig_src <<= %L::inet', p_remote);
    END IF;
    RETURN QUERY SELECT * FROM ctaudit.ask(
        p_from, p_until, p_node, v_outward, v_inward,
        p_host, NULL, p_nat, NULL, NULL, p_from IS NULL, p_open, p_limit
    );
    GET DIAGNOSTICS v_answers = ROW_COUNT;
    PERFORM ctaudit.note_inquiry('flows', jsonb_build_object(
        'host', p_host, 'nat', p_nat, 'remote', p_remote, 'from', p_from, 'until', p_until,
        'open', p_open, 'node', p_node, 'limit', p_limit
    ), v_answers);
END
$_$;
ALTER FUNCTION ctaudit.flows(p_host inet, p_nat inet, p_remote inet, p_from timestamp with time zone, p_until timestamp with time zone, p_open boolean, p_node text, p_limit integer) OWNER TO ctaudit_owner;
CREATE TABLE ctaudit.gap (
    gap_id bigint NOT NULL,
    node text NOT NULL,
    stream uuid NOT NULL,
    gap_from timestamp with time zone NOT NULL,
    gap_until timestamp with time zone,
    cause text NOT NULL,
    lost bigint,
    hides_openings boolean NOT NULL,
    hides_ends boolean NOT NULL,
    detail jsonb DEFAULT '{}'::jsonb NOT NULL,
    CONSTRAINT gap_check CHECK ((gap_from <= gap_until))
);
ALTER TABLE ctaudit.gap OWNER TO ctaudit_owner;
CREATE FUNCTION ctaudit.gap_words(p_gap ctaudit.gap) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
AS $$
    SELECT CASE WHEN p_gap.gap_until = p_gap.gap_from
        THEN format('gap (%s) at %s', p_gap.cause, p_gap.gap_from)
        ELSE format('gap (%s) from %s until %s', p_gap.cause, p_gap.gap_from,
            coalesce(p_gap.gap_until::text, 'now'))
        END || ', ' || coalesce(p_gap.lost::text, 'an unknown number of events') || ' lost';
$$;
ALTER FUNCTION ctaudit.gap_words(p_gap ctaudit.gap) OWNER TO ctaudit_owner;
CREATE FUNCTION ctaudit.gaps(p_node text DEFAULT NULL::text, p_from timestamp with time zone DEFAULT NULL::timestamp with time zone, p_until timestamp with time zone DEFAULT NULL::timestamp with time zone) RETURNS TABLE(node text, stream uuid, gap_from timestamp with time zone, gap_until timestamp with time zone, cause text, lost bigint, hides_openings boolean, hides_ends boolean, detail jsonb)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
AS $$
    SELECT
        g.node, g.stream, g.gap_from, g.gap_until, g.cause, g.lost, g.hides_openings,
        g.hides_ends, g.detail
    FROM ctaudit.gap AS g
    WHERE (p_node IS NULL OR g.node = p_node)
        AND (p_until IS NULL OR g.gap_from < p_until)
        AND (p_from IS NULL OR coalesce(g.gap_until, 'infinity') >= p_from)
    ORDER BY g.gap_from, g.gap_id;
$$;
ALTER FUNCTION ctaudit.gaps(p_node text, p_from timestamp with time zone, p_until timestamp with time zone) OWNER TO ctaudit_owner;
CREATE FUNCTION ctaudit.keep_ends(p_node text, p_kind smallint[], p_received_at timestamp with time zone[], p_event_at timestamp with time zone[], p_start_sent timestamp with time zone[], p_stop_sent timestamp with time zone[], p_zone integer[], p_orig_zone integer[], p_reply_zone integer[], p_proto smallint[], p_orig_src inet[], p_orig_dst inet[], p_orig_sport integer[], p_orig_dport integer[], p_reply_src inet[], p_reply_dst inet[], p_reply_sport integer[], p_reply_dport integer[], p_orig_icmp_type smallint[], p_orig_icmp_code smallint[], p_reply_icmp_type smallint[], p_reply_icmp_code smallint[], p_orig_packets bigint[], p_orig_bytes bigint[], p_reply_packets bigint[], p_reply_bytes bigint[], p_ct_id bigint[], p_mark bigint[], p_status integer[], p_state smallint[], p_helper text[], p_labels bytea[]) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
AS $$
BEGIN
    INSERT INTO ctaudit.flow (
        received_at, started_at, ended_at, stop_sent, started_source, ended_source,
        ended_cause, orig_packets, orig_bytes, reply_packets, reply_bytes, ct_id, mark,
        zone, orig_zone, reply_zone, orig_sport, orig_dport, reply_sport, reply_dport,
        status, proto, state, orig_icmp_type, orig_icmp_code, reply_icmp_type,
        reply_icmp_code, node, orig_src, orig_dst, reply_src, reply_dst, helper, labels
    )
    SELECT
        e.received_at,
        e.start_sent,
        CASE WHEN e.stop_sent < e.start_sent THEN NULL
            ELSE coalesce(e.stop_sent, e.event_at, e.received_at) END,
        CASE WHEN e.stop_sent < e.start_sent THEN e.stop_sent END,
        CASE WHEN e.start_sent IS NOT NULL THEN 'kernel'::ctaudit.time_source END,
        CASE WHEN e.stop_sent < e.start_sent THEN NULL
            WHEN e.stop_sent IS NOT NULL THEN 'kernel'::ctaudit.time_source
            WHEN e.event_at IS NOT NULL THEN 'event' ELSE 'receiver' END,
        CASE WHEN e.stop_sent < e.start_sent THEN 'stop before start: the clock went back' END,
        e.orig_packets, e.orig_bytes, e.reply_packets, e.reply_bytes, e.ct_id, e.mark,
        coalesce(e.zone, 0), e.orig_zone, e.reply_zone, e.orig_sport, e.orig_dport,
        e.reply_sport, e.reply_dport, e.status, e.proto, e.state, e.orig_icmp_type,
        e.orig_icmp_code, e.reply_icmp_type, e.reply_icmp_code, p_node, e.orig_src,
        e.orig_dst, e.reply_src, e.reply_dst, e.helper, e.labels
    FROM (
        SELECT
            unnest(p_kind) AS kind, unnest(p_received_at) AS received_at,
            unnest(p_event_at) AS event_at, unnest(p_start_sent) AS start_sent,
            unnest(p_stop_sent) AS stop_sent, unnest(p_zone) AS zone,
            unnest(p_orig_zone) AS orig_zone, unnest(p_reply_zone) AS reply_zone,
            unnest(p_proto) AS proto, unnest(p_orig_src) AS orig_src,
            unnest(p_orig_dst) AS orig_dst, unnest(p_orig_sport) AS orig_sport,
            unnest(p_orig_dport) AS orig_dport, unnest(p_reply_src) AS reply_src,
            unnest(p_reply_dst) AS reply_dst, unnest(p_reply_sport) AS reply_sport,
            unnest(p_reply_dport) AS reply_dport, unnest(p_orig_icmp_type) AS orig_icmp_type,
            unnest(p_orig_icmp_code) AS orig_icmp_code,
            unnest(p_reply_icmp_type) AS reply_icmp_type,
            unnest(p_reply_icmp_code) AS reply_icmp_code,
            unnest(p_orig_packets) AS orig_packets, unnest(p_orig_bytes) AS orig_bytes,
            unnest(p_reply_packets) AS reply_packets, unnest(p_reply_bytes) AS reply_bytes,
            unnest(p_ct_id) AS ct_id, unnest(p_mark) AS mark, unnest(p_status) AS status,
            unnest(p_state) AS state, unnest(p_helper) AS helper, unnest(p_labels) AS labels
    ) AS e
    WHERE e.kind = 3;
END
$$;
ALTER FUNCTION ctaudit.keep_ends(p_node text, p_kind smallint[], p_received_at timestamp with time zone[], p_event_at timestamp with time zone[], p_start_sent timestamp with time zone[], p_stop_sent timestamp with time zone[], p_zone integer[], p_orig_zone integer[], p_reply_zone integer[], p_proto smallint[], p_orig_src inet[], p_orig_dst inet[], p_orig_sport integer[], p_orig_dport integer[], p_reply_src inet[], p_reply_dst inet[], p_reply_sport integer[], p_reply_dport integer[], p_orig_icmp_type smallint[], p_orig_icmp_code smallint[], p_reply_icmp_type smallint[], p_reply_icmp_code smallint[], p_orig_packets bigint[], p_orig_bytes bigint[], p_reply_packets bigint[], p_reply_bytes bigint[], p_ct_id bigint[], p_mark bigint[], p_status integer[], p_state smallint[], p_helper text[], p_labels bytea[]) OWNER TO ctaudit_owner;
CREATE FUNCTION ctaudit.keep_entries(p_node text, p_dump_id bigint, p_kind smallint[], p_received_at timestamp with time zone[], p_start_sent timestamp with time zone[], p_zone integer[], p_orig_zone integer[], p_reply_zone integer[], p_proto smallint[], p_orig_src inet[], p_orig_dst inet[], p_orig_sport integer[], p_orig_dport integer[], p_reply_src inet[], p_reply_dst inet[], p_reply_sport integer[], p_reply_dport integer[], p_orig_icmp_type smallint[], p_orig_icmp_code smallint[], p_reply_icmp_type smallint[], p_reply_icmp_code smallint[], p_orig_packets bigint[], p_orig_bytes bigint[], p_reply_packets bigint[], p_reply_bytes bigint[], p_ct_id bigint[], p_mark bigint[], p_status integer[], p_state smallint[], p_helper text[], p_labels bytea[]) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
AS $$
BEGIN
    INSERT INTO ctaudit.progress (
        received_at, started_at, dump_id, orig_packets, orig_bytes, reply_packets,
        reply_bytes, ct_id, mark, zone, orig_zone, reply_zone, orig_sport, orig_dport,
        reply_sport, reply_dport, status, proto, state, orig_icmp_type, orig_icmp_code,
        reply_icmp_type, reply_icmp_code, node, orig_src, orig_dst, reply_src, reply_dst,
        helper, labels
    )
    SELECT
        e.received_at, e.start_sent, p_dump_id,
        e.orig_packets, e.orig_bytes, e.reply_packets, e.reply_bytes, e.ct_id, e.mark,
        coalesce(e.zone, 0), e.orig_zone, e.reply_zone, e.orig_sport, e.orig_dport,
        e.reply_sport, e.reply_dport, e.status, e.proto, e.state, e.orig_icmp_type,
        e.orig_icmp_code, e.reply_icmp_type, e.reply_icmp_code, p_node, e.orig_src,
        e.orig_dst, e.reply_src, e.reply_dst, e.helper, e.labels
    FROM (
        SELECT
            unnest(p_kind) AS kind, unnest(p_received_at) AS received_at,
            unnest(p_start_sent) AS start_sent, unnest(p_zone) AS zone,
            unnest(p_orig_zone) AS orig_zone, unnest(p_reply_zone) AS reply_zone,
            unnest(p_proto) AS proto, unnest(p_orig_src) AS orig_src,
            unnest(p_orig_dst) AS orig_dst, unnest(p_orig_sport) AS orig_sport,
            unnest(p_orig_dport) AS orig_dport, unnest(p_reply_src) AS reply_src,
            unnest(p_reply_dst) AS reply_dst, unnest(p_reply_sport) AS reply_sport,
            unnest(p_reply_dport) AS reply_dport, unnest(p_orig_icmp_type) AS orig_icmp_type,
            unnest(p_orig_icmp_code) AS orig_icmp_code,
            unnest(p_reply_icmp_type) AS reply_icmp_type,
            unnest(p_reply_icmp_code) AS reply_icmp_code,
            unnest(p_orig_packets) AS orig_packets, unnest(p_orig_bytes) AS orig_bytes,
            unnest(p_reply_packets) AS reply_packets, unnest(p_reply_bytes) AS reply_bytes,
            unnest(p_ct_id) AS ct_id, unnest(p_mark) AS mark, unnest(p_status) AS status,
            unnest(p_state) AS state, unnest(p_helper) AS helper, unnest(p_labels) AS labels
    ) AS e
    WHERE e.kind = 4;
END
$$;
ALTER FUNCTION ctaudit.keep_entries(p_node text, p_dump_id bigint, p_kind smallint[], p_received_at timestamp with time zone[], p_start_sent timestamp with time zone[], p_zone integer[], p_orig_zone integer[], p_reply_zone integer[], p_proto smallint[], p_orig_src inet[], p_orig_dst inet[], p_orig_sport integer[], p_orig_dport integer[], p_reply_src inet[], p_reply_dst inet[], p_reply_sport integer[], p_reply_dport integer[], p_orig_icmp_type smallint[], p_orig_icmp_code smallint[], p_reply_icmp_type smallint[], p_reply_icmp_code smallint[], p_orig_packets bigint[], p_orig_bytes bigint[], p_reply_packets bigint[], p_reply_bytes bigint[], p_ct_id bigint[], p_mark bigint[], p_status integer[], p_state smallint[], p_helper text[], p_labels bytea[]) OWNER TO ctaudit_owner;
CREATE FUNCTION ctaudit.keep_openings(p_node text, p_sent_after timestamp with time zone, p_kind smallint[], p_received_at timestamp with time zone[], p_event_at timestamp with time zone[], p_start_sent timestamp with time zone[], p_zone integer[], p_orig_zone integer[], p_reply_zone integer[], p_proto smallint[], p_orig_src inet[], p_orig_dst inet[], p_orig_sport integer[], p_orig_dport integer[], p_reply_src inet[], p_reply_dst inet[], p_reply_sport integer[], p_reply_dport integer[], p_orig_icmp_type smallint[], p_orig_icmp_code smallint[], p_reply_icmp_type smallint[], p_reply_icmp_code smallint[], p_ct_id bigint[], p_mark bigint[], p_status integer[], p_state smallint[], p_helper text[], p_labels bytea[]) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
AS $$
BEGIN
    INSERT INTO ctaudit.opening (
        received_at, started_at, started_after, started_source, ct_id, mark, zone,
        orig_zone, reply_zone, orig_sport, orig_dport, reply_sport, reply_dport, status,
        proto, state, orig_icmp_type, orig_icmp_code, reply_icmp_type, reply_icmp_code,
        node, orig_src, orig_dst, reply_src, reply_dst, helper, labels
    )
    SELECT
        e.received_at,
        coalesce(e.start_sent, e.event_at, e.received_at),
        CASE WHEN e.start_sent IS NULL AND e.event_at IS NULL
            THEN least(p_sent_after, e.received_at) END,
        CASE WHEN e.start_sent IS NOT NULL THEN 'kernel'::ctaudit.time_source
            WHEN e.event_at IS NOT NULL THEN 'event' ELSE 'receiver' END,
        e.ct_id, e.mark, coalesce(e.zone, 0), e.orig_zone, e.reply_zone, e.orig_sport,
        e.orig_dport, e.reply_sport, e.reply_dport, e.status, e.proto, e.state,
        e.orig_icmp_type, e.orig_icmp_code, e.reply_icmp_type, e.reply_icmp_code, p_node,
        e.orig_src, e.orig_dst, e.reply_src, e.reply_dst, e.helper, e.labels
    FROM (
        SELECT
            unnest(p_kind) AS kind, unnest(p_received_at) AS received_at,
            unnest(p_event_at) AS event_at, unnest(p_start_sent) AS start_sent,
            unnest(p_zone) AS zone, unnest(p_orig_zone) AS orig_zone,
            unnest(p_reply_zone) AS reply_zone, unnest(p_proto) AS proto,
            unnest(p_orig_src) AS orig_src, unnest(p_orig_dst) AS orig_dst,
            unnest(p_orig_sport) AS orig_sport, unnest(p_orig_dport) AS orig_dport,
            unnest(p_reply_src) AS reply_src, unnest(p_reply_dst) AS reply_dst,
            unnest(p_reply_sport) AS reply_sport, unnest(p_reply_dport) AS reply_dport,
            unnest(p_orig_icmp_type) AS orig_icmp_type,
            unnest(p_orig_icmp_code) AS orig_icmp_code,
            unnest(p_reply_icmp_type) AS reply_icmp_type,
            unnest(p_reply_icmp_code) AS reply_icmp_code, unnest(p_ct_id) AS ct_id,
            unnest(p_mark) AS mark, unnest(p_status) AS status, unnest(p_state) AS state,
            unnest(p_helper) AS helper, unnest(p_labels) AS labels
    ) AS e
    WHERE e.kind = 1;
END
$$;
ALTER FUNCTION ctaudit.keep_openings(p_node text, p_sent_after timestamp with time zone, p_kind smallint[], p_received_at timestamp with time zone[], p_event_at timestamp with time zone[], p_start_sent timestamp with time zone[], p_zone integer[], p_orig_zone integer[], p_reply_zone integer[], p_proto smallint[], p_orig_src inet[], p_orig_dst inet[], p_orig_sport integer[], p_orig_dport integer[], p_reply_src inet[], p_reply_dst inet[], p_reply_sport integer[], p_reply_dport integer[], p_orig_icmp_type smallint[], p_orig_icmp_code smallint[], p_reply_icmp_type smallint[], p_reply_icmp_code smallint[], p_ct_id bigint[], p_mark bigint[], p_status integer[], p_state smallint[], p_helper text[], p_labels bytea[]) OWNER TO ctaudit_owner;
CREATE FUNCTION ctaudit.last_dump(p_node text, p_before timestamp with time zone DEFAULT 'infinity'::timestamp with time zone, p_reconciled boolean DEFAULT false) RETURNS bigint
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
AS $$
    SELECT d.dump_id FROM ctaudit.dump AS d
    WHERE d.node = p_node AND d.ended_at <= p_before
        AND (d.reconciled_at IS NOT NULL OR NOT p_reconciled)
    ORDER BY d.ended_at DESC, d.dump_id DESC LIMIT 1;
$$;
ALTER FUNCTION ctaudit.last_dump(p_node text, p_before timestamp with time zone, p_reconciled boolean) OWNER TO ctaudit_owner;
CREATE FUNCTION ctaudit.late_end(p_connection ctaudit.connection, p_since timestamp with time zone) RETURNS ctaudit.connection
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
AS $$
DECLARE
    v_flow ctaudit.flow;
BEGIN
    SELECT * INTO v_flow FROM ctaudit.flow AS f
    WHERE f.reply_dst = p_connection.reply_dst
        AND (f.reply_dport = p_connection.reply_dport
            OR f.reply_dport IS NULL AND p_connection.reply_dport IS NULL)
        AND f.received_at >= p_since
        AND f.node = p_connection.node AND f.zone = p_connection.zone
        AND f.proto = p_connection.proto
        AND f.orig_src = p_connection.orig_src AND f.orig_dst = p_connection.orig_dst
        AND coalesce(f.orig_sport, -1) = coalesce(p_connection.orig_sport, -1)
        AND coalesce(f.orig_dport, -1) = coalesce(p_connection.orig_dport, -1)
        AND coalesce(f.ct_id, -1) = coalesce(p_connection.ct_id, -1)
        AND ctaudit.closes(
            p_connection.last_seen_at, p_connection.started_at, p_connection.started_source,
            p_connection.started_after, f.received_at, f.started_at
        )
    ORDER BY f.provenance = 'unobserved', f.received_at
    LIMIT 1;
    IF NOT FOUND THEN
        RETURN p_connection;
    END IF;
    p_connection.state := CASE v_flow.provenance WHEN 'unobserved' THEN 'unobserved'
        ELSE 'ended' END;
    p_connection.exact := p_connection.exact OR p_connection.started_at IS NOT NULL;
    p_connection.started_source := CASE WHEN v_flow.started_at IS NULL
        THEN p_connection.started_source ELSE v_flow.started_source END;
    p_connection.started_at := coalesce(v_flow.started_at, p_connection.started_at);
    p_connection.ended_at := v_flow.ended_at;
    p_connection.ended_source := v_flow.ended_source;
    p_connection.ended_after := v_flow.ended_after;
    p_connection.ended_before := v_flow.ended_before;
    p_connection.ended_cause := v_flow.ended_cause;
    p_connection.provenance := v_flow.provenance;
    p_connection.orig_packets := v_flow.orig_packets;
    p_connection.orig_bytes := v_flow.orig_bytes;
    p_connection.reply_packets := v_flow.reply_packets;
    p_connection.reply_bytes := v_flow.reply_bytes;
    p_connection.status := v_flow.status;
    p_connection.protocol_state := v_flow.state;
    RETURN p_connection;
END
$$;
ALTER FUNCTION ctaudit.late_end(p_connection ctaudit.connection, p_since timestamp with time zone) OWNER TO ctaudit_owner;
CREATE FUNCTION ctaudit.live(p_node text) RETURNS SETOF ctaudit.connection
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
AS $$
    SELECT DISTINCT ON (
        a.zone, a.proto, a.orig_src, a.orig_dst, a.orig_sport, a.orig_dport, a.orig_icmp_type,
        a.orig_icmp_code
    ) a.*
    FROM ctaudit.alive(p_node, ctaudit.last_dump(p_node)) AS a
    ORDER BY
        a.zone, a.proto, a.orig_src, a.orig_dst, a.orig_sport, a.orig_dport, a.orig_icmp_type,
        a.orig_icmp_code, a.started_at DESC NULLS LAST, a.started_source, a.last_seen_at DESC;
$$;
ALTER FUNCTION ctaudit.live(p_node text) OWNER TO ctaudit_owner;
CREATE FUNCTION ctaudit.maintain(p_retention_days integer, p_days integer DEFAULT 7) RETURNS TABLE(action text, object text, rows bigint)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET lock_timeout TO '2s'
AS $_$
DECLARE
    v_horizon date;
    v_kept timestamptz;
    v_first timestamptz;
    v_table text;
    v_day date;
    v_name text;
BEGIN
    IF p_retention_days IS NULL OR p_retention_days < 1 THEN
        RAISE EXCEPTION 'retention of % days: must be 1 or more', p_retention_days;
    END IF;
    v_horizon := (clock_timestamp() AT TIME ZONE 'UTC')::date - p_retention_days;
    v_kept := v_horizon::timestamp AT TIME ZONE 'UTC';
    SELECT coalesce(min(n.first_seen), 'infinity') INTO v_first FROM ctaudit.node AS n;

    FOR object, rows IN SELECT m.partition, m.moved FROM ctaudit.make_partitions(p_days) AS m LOOP
        action := 'made';
        RETURN NEXT;
    END LOOP;

    FOREACH v_table IN ARRAY ARRAY['opening', 'flow', 'progress'] LOOP
        FOR v_day IN EXECUTE format(
            'SELECT DISTINCT (received_at AT TIME ZONE ''UTC'')::date FROM ctaudit.%I '
            'WHERE received_at >= %L AND received_at <= clock_timestamp() ORDER BY 1',
            v_table || '_default', v_kept
        ) LOOP
            action := 'moved';
            object := ctaudit.partition_name(v_table, v_day);
            rows := ctaudit.make_partition(v_table, v_day);
            RETURN NEXT;
        END LOOP;

        FOR v_name IN
            SELECT c.relname FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
            WHERE i.inhparent = format('ctaudit.%I', v_table)::regclass
                AND c.relname ~ '_p\d{8}$'
                AND to_date(right(c.relname, 8), 'YYYYMMDD') < v_horizon
            ORDER BY c.relname
        LOOP
            EXECUTE format('DROP TABLE ctaudit.%I', v_name);
            action := 'dropped';
            object := v_name;
            rows := NULL;
            RETURN NEXT;
        END LOOP;

        object := v_table || '_default';
        EXECUTE format(
            'DELETE FROM ctaudit.%I WHERE received_at < %L AND received_at >= %L',
            object, v_kept, v_first
        );
        GET DIAGNOSTICS rows = ROW_COUNT;
        IF rows > 0 THEN
            action := 'deleted';
            RETURN NEXT;
        END IF;
        EXECUTE format('SELECT count(*) FROM ctaudit.%I', object) INTO rows;
        IF rows > 0 THEN
            action := 'kept';
            RETURN NEXT;
        END IF;
    END LOOP;

    action := 'trimmed';
    FOR object, rows IN SELECT * FROM ctaudit.trim_before(v_kept) AS t WHERE t.rows > 0 LOOP
        RETURN NEXT;
    END LOOP;
END
$_$;
ALTER FUNCTION ctaudit.maintain(p_retention_days integer, p_days integer) OWNER TO ctaudit_owner;
CREATE FUNCTION ctaudit.make_partition(p_table text, p_day date) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET lock_timeout TO '2s'
AS $$
DECLARE
    v_name text := ctaudit.partition_name(p_table, p_day);
    v_from timestamptz := p_day::timestamp AT TIME ZONE 'UTC';
    v_until timestamptz := (p_day + 1)::timestamp AT TIME ZONE 'UTC';
    v_moved bigint;
BEGIN
    IF to_regclass(format('ctaudit.%I', v_name)) IS NOT NULL THEN
        RETURN NULL;
    END IF;
    -- Holds off those that insert: one that had chosen the default partition already would find
    -- it closed for its row, and its batch refused.
    EXECUTE format('LOCK TABLE ctaudit.%I IN SHARE ROW EXCLUSIVE MODE', p_table);
    EXECUTE format(
        'CREATE TABLE ctaudit.%I (LIKE ctaudit.%I INCLUDING DEFAULTS INCLUDING CONSTRAINTS)',
        v_name, p_table
    );
    -- Lets the server attach without reading the new table.
    EXECUTE format(
        'ALTER TABLE ctaudit.%I ADD CONSTRAINT day CHECK (received_at >= %L AND received_at < %L)',
        v_name, v_from, v_until
    );
    EXECUTE format(
        'WITH moved AS (DELETE FROM ctaudit.%I WHERE received_at >= %L AND received_at < %L '
        'RETURNING *) INSERT INTO ctaudit.%I SELECT * FROM moved',
        p_table || '_default', v_from, v_until, v_name
    );
    GET DIAGNOSTICS v_moved = ROW_COUNT;
    EXECUTE format(
        'ALTER TABLE ctaudit.%I ATTACH PARTITION ctaudit.%I FOR VALUES FROM (%L) TO (%L)',
        p_table, v_name, v_from, v_until
    );
    EXECUTE format('ALTER TABLE ctaudit.%I DROP CONSTRAINT day', v_name);
    RETURN v_moved;
END
$$;
ALTER FUNCTION ctaudit.make_partition(p_table text, p_day date) OWNER TO ctaudit_owner;
CREATE FUNCTION ctaudit.make_partitions(p_days integer DEFAULT 7) RETURNS TABLE(partition text, moved bigint)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
AS $$
DECLARE
    v_today date := (clock_timestamp() AT TIME ZONE 'UTC')::date;
    v_table text;
    v_day date;
BEGIN
    FOR v_day IN SELECT generate_series(v_today - 1, v_today + p_days, '1 day')::date LOOP
        FOREACH v_table IN ARRAY ARRAY['opening', 'flow', 'progress'] LOOP
            moved := ctaudit.make_partition(v_table, v_day);
            IF moved IS NOT NULL THEN
                partition := ctaudit.partition_name(v_table, v_day);
                RETURN NEXT;
            END IF;
        END LOOP;
    END LOOP;
END
$$;
ALTER FUNCTION ctaudit.make_partitions(p_days integer) OWNER TO ctaudit_owner;
CREATE FUNCTION ctaudit.note_inquiry(p_question text, p_arguments jsonb, p_answers bigint) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
AS $$
BEGIN
    RAISE LOG 'ctaudit: % asked %(%): % answers',
        session_user, p_question, jsonb_strip_nulls(p_arguments), p_answers;
    IF NOT pg_is_in_recovery() AND current_setting('transaction_read_only') = 'off' THEN
        INSERT INTO ctaudit.inquiry (client, application, question, arguments, answers)
        VALUES (
            inet_client_addr(), current_setting('application_name'), p_question,
            jsonb_strip_nulls(p_arguments), p_answers
        );
    END IF;
END
$$;
ALTER FUNCTION ctaudit.note_inquiry(p_question text, p_arguments jsonb, p_answers bigint) OWNER TO ctaudit_owner;
CREATE FUNCTION ctaudit.open_gap(p_node text, p_stream uuid, p_mode text, p_from timestamp with time zone, p_until timestamp with time zone, p_cause text, p_lost bigint, p_detail jsonb) RETURNS void
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
AS $$
    INSERT INTO ctaudit.gap (
        node, stream, gap_from, gap_until, cause, lost, hides_openings, hides_ends, detail
    ) VALUES (
        p_node, p_stream, least(p_from, p_until), CASE WHEN p_until IS NOT NULL
            THEN greatest(p_from, p_until) END,
        p_cause, p_lost, p_mode <> 'history', p_mode <> 'nat', p_detail
    );
$$;
ALTER FUNCTION ctaudit.open_gap(p_node text, p_stream uuid, p_mode text, p_from timestamp with time zone, p_until timestamp with time zone, p_cause text, p_lost bigint, p_detail jsonb) OWNER TO ctaudit_owner;
CREATE FUNCTION ctaudit.open_late(p_node text, p_kind smallint[], p_received_at timestamp with time zone[], p_start_sent timestamp with time zone[], p_zone integer[], p_orig_zone integer[], p_reply_zone integer[], p_proto smallint[], p_orig_src inet[], p_orig_dst inet[], p_orig_sport integer[], p_orig_dport integer[], p_reply_src inet[], p_reply_dst inet[], p_reply_sport integer[], p_reply_dport integer[], p_orig_icmp_type smallint[], p_orig_icmp_code smallint[], p_reply_icmp_type smallint[], p_reply_icmp_code smallint[], p_ct_id bigint[], p_mark bigint[], p_status integer[], p_state smallint[], p_helper text[], p_labels bytea[]) RETURNS bigint
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
AS $$
DECLARE
    v_late bigint;
BEGIN
    -- The opening stands in the index near the start that the end tells; an hour is allowed for
    -- the reading.
    INSERT INTO ctaudit.opening (
        received_at, started_at, started_source, provenance, ct_id, mark, zone, orig_zone,
        reply_zone, orig_sport, orig_dport, reply_sport, reply_dport, status, proto, state,
        orig_icmp_type, orig_icmp_code, reply_icmp_type, reply_icmp_code, node, orig_src,
        orig_dst, reply_src, reply_dst, helper, labels
    )
    SELECT
        e.received_at, coalesce(e.start_sent, e.received_at),
        CASE WHEN e.start_sent IS NOT NULL THEN 'kernel' ELSE 'receiver' END
            ::ctaudit.time_source,
        'late', e.ct_id, e.mark, coalesce(e.zone, 0), e.orig_zone, e.reply_zone,
        e.orig_sport, e.orig_dport, e.reply_sport, e.reply_dport, e.status, e.proto, e.state,
        e.orig_icmp_type, e.orig_icmp_code, e.reply_icmp_type, e.reply_icmp_code, p_node,
        e.orig_src, e.orig_dst, e.reply_src, e.reply_dst, e.helper, e.labels
    FROM (
        SELECT
            unnest(p_kind) AS kind, unnest(p_received_at) AS received_at,
            unnest(p_start_sent) AS start_sent, unnest(p_zone) AS zone,
            unnest(p_orig_zone) AS orig_zone, unnest(p_reply_zone) AS reply_zone,
            unnest(p_proto) AS proto, unnest(p_orig_src) AS orig_src,
            unnest(p_orig_dst) AS orig_dst, unnest(p_orig_sport) AS orig_sport,
            unnest(p_orig_dport) AS orig_dport, unnest(p_reply_src) AS reply_src,
            unnest(p_reply_dst) AS reply_dst, unnest(p_reply_sport) AS reply_sport,
            unnest(p_reply_dport) AS reply_dport, unnest(p_orig_icmp_type) AS orig_icmp_type,
            unnest(p_orig_icmp_code) AS orig_icmp_code,
            unnest(p_reply_icmp_type) AS reply_icmp_type,
            unnest(p_reply_icmp_code) AS reply_icmp_code, unnest(p_ct_id) AS ct_id,
            unnest(p_mark) AS mark, unnest(p_status) AS status, unnest(p_state) AS state,
            unnest(p_helper) AS helper, unnest(p_labels) AS labels
    ) AS e
    WHERE e.kind = 3 AND NOT EXISTS (
        SELECT FROM ctaudit.opening AS o
        WHERE o.reply_dst = e.reply_dst
            AND (o.reply_dport = e.reply_dport
                OR o.reply_dport IS NULL AND e.reply_dport IS NULL)
            AND o.started_at >= coalesce(e.start_sent - interval '1 ms', '-infinity')
            AND o.started_at <= coalesce(e.start_sent + interval '1 hour', 'infinity')
            AND o.received_at >= coalesce(e.start_sent - interval '1 day', '-infinity')
            AND o.node = p_node AND o.zone = coalesce(e.zone, 0) AND o.proto = e.proto
            AND o.orig_src = e.orig_src AND o.orig_dst = e.orig_dst
            AND coalesce(o.orig_sport, -1) = coalesce(e.orig_sport, -1)
            AND coalesce(o.orig_dport, -1) = coalesce(e.orig_dport, -1)
            AND coalesce(o.ct_id, -1) = coalesce(e.ct_id, -1)
            AND ctaudit.closes(
                o.received_at, o.started_at, o.started_source, o.started_after,
                e.received_at, e.start_sent
            )
    );
    GET DIAGNOSTICS v_late = ROW_COUNT;
    RETURN v_late;
END
$$;
ALTER FUNCTION ctaudit.open_late(p_node text, p_kind smallint[], p_received_at timestamp with time zone[], p_start_sent timestamp with time zone[], p_zone integer[], p_orig_zone integer[], p_reply_zone integer[], p_proto smallint[], p_orig_src inet[], p_orig_dst inet[], p_orig_sport integer[], p_orig_dport integer[], p_reply_src inet[], p_reply_dst inet[], p_reply_sport integer[], p_reply_dport integer[], p_orig_icmp_type smallint[], p_orig_icmp_code smallint[], p_reply_icmp_type smallint[], p_reply_icmp_code smallint[], p_ct_id bigint[], p_mark bigint[], p_status integer[], p_state smallint[], p_helper text[], p_labels bytea[]) OWNER TO ctaudit_owner;
CREATE FUNCTION ctaudit.partition_name(p_table text, p_day date) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
AS $$
    SELECT p_table || '_p' || to_char(p_day, 'YYYYMMDD');
$$;
ALTER FUNCTION ctaudit.partition_name(p_table text, p_day date) OWNER TO ctaudit_owner;
CREATE FUNCTION ctaudit.reconcile(p_node text, p_stream uuid) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_nestloop TO 'off'
AS $$
DECLARE
    v_batch ctaudit.batch;
    v_dump ctaudit.dump;
    v_earlier ctaudit.dump;
BEGIN
    SELECT * INTO STRICT v_batch FROM ctaudit.batch AS b
    WHERE b.node = p_node AND b.stream = p_stream;
    SELECT * INTO v_dump FROM ctaudit.dump AS d WHERE d.dump_id = v_batch.pending_dump_id;
    IF NOT FOUND OR v_batch.covered_until < v_dump.ended_at THEN
        RETURN;
    END IF;
    SELECT * INTO v_earlier FROM ctaudit.dump AS d
    WHERE d.dump_id = ctaudit.last_dump(p_node, v_dump.began_at, true);

    IF v_batch.mode IN ('live', 'nat') THEN
        INSERT INTO ctaudit.opening (
            received_at, started_at, started_source, provenance, ct_id, mark, zone, orig_zone,
            reply_zone, orig_sport, orig_dport, reply_sport, reply_dport, status, proto, state,
            orig_icmp_type, orig_icmp_code, reply_icmp_type, reply_icmp_code, node, orig_src,
            orig_dst, reply_src, reply_dst, helper, labels
        )
        SELECT DISTINCT ON (
            e.zone, e.proto, e.orig_src, e.orig_dst, e.orig_sport, e.orig_dport, e.ct_id,
            e.orig_icmp_type, e.orig_icmp_code, e.started_at
        )
            e.received_at, coalesce(e.started_at, e.received_at),
            CASE WHEN e.started_at IS NULL THEN 'dump' ELSE 'kernel' END::ctaudit.time_source,
            'dump', e.ct_id, e.mark, e.zone, e.orig_zone, e.reply_zone, e.orig_sport,
            e.orig_dport, e.reply_sport, e.reply_dport, e.status, e.proto, e.state,
            e.orig_icmp_type, e.orig_icmp_code, e.reply_icmp_type, e.reply_icmp_code, e.node,
            e.orig_src, e.orig_dst, e.reply_src, e.reply_dst, e.helper, e.labels
        FROM ctaudit.progress AS e
        WHERE e.dump_id = v_dump.dump_id AND e.node = p_node
            AND e.received_at >= v_dump.began_at - interval '2 hours'
            AND e.received_at <= v_dump.ended_at + interval '2 hours'
            AND NOT EXISTS (
                SELECT FROM ctaudit.alive(p_node, v_earlier.dump_id) AS a
                WHERE a.zone = e.zone AND a.proto = e.proto
                    AND a.orig_src = e.orig_src AND a.orig_dst = e.orig_dst
                    AND coalesce(a.orig_sport, -1) = coalesce(e.orig_sport, -1)
                    AND coalesce(a.orig_dport, -1) = coalesce(e.orig_dport, -1)
                    AND coalesce(a.ct_id, -1) = coalesce(e.ct_id, -1)
                    AND ctaudit.closes(
                        a.last_seen_at, a.started_at, a.started_source, a.started_after,
                        e.received_at, e.started_at
                    )
            )
            AND NOT EXISTS (
                SELECT FROM ctaudit.flow AS f
                WHERE f.node = p_node AND f.received_at >= v_dump.began_at
                    AND f.zone = e.zone AND f.proto = e.proto
                    AND f.orig_src = e.orig_src AND f.orig_dst = e.orig_dst
                    AND coalesce(f.orig_sport, -1) = coalesce(e.orig_sport, -1)
                    AND coalesce(f.orig_dport, -1) = coalesce(e.orig_dport, -1)
                    AND coalesce(f.ct_id, -1) = coalesce(e.ct_id, -1)
                    AND ctaudit.closes(
                        v_dump.began_at, e.started_at, 'kernel', NULL,
                        f.received_at, f.started_at
                    )
            )
        ORDER BY
            e.zone, e.proto, e.orig_src, e.orig_dst, e.orig_sport, e.orig_dport, e.ct_id,
            e.orig_icmp_type, e.orig_icmp_code, e.started_at, e.received_at;
    END IF;

    IF v_batch.mode = 'live' AND EXISTS (
        SELECT FROM ctaudit.gap AS g
        WHERE g.node = p_node AND g.hides_ends AND g.gap_from <= v_dump.ended_at
            AND (g.gap_until IS NULL OR v_earlier.dump_id IS NULL
                OR g.gap_until > v_earlier.ended_at)
    ) THEN
        INSERT INTO ctaudit.flow (
            received_at, started_at, started_source, ended_after, ended_before, provenance,
            ct_id, mark, zone, orig_zone, reply_zone, orig_sport, orig_dport, reply_sport,
            reply_dport, status, proto, state, orig_icmp_type, orig_icmp_code, reply_icmp_type,
            reply_icmp_code, node, orig_src, orig_dst, reply_src, reply_dst, helper, labels
        )
        SELECT DISTINCT ON (
            a.zone, a.proto, a.orig_src, a.orig_dst, a.orig_sport, a.orig_dport, a.ct_id,
            a.orig_icmp_type, a.orig_icmp_code
        )
            v_dump.ended_at, a.started_at, a.started_source, a.last_seen_at, v_dump.ended_at,
            'unobserved', a.ct_id, a.mark, a.zone, a.orig_zone, a.reply_zone, a.orig_sport,
            a.orig_dport, a.reply_sport, a.reply_dport, a.status, a.proto, a.protocol_state,
            a.orig_icmp_type, a.orig_icmp_code, a.reply_icmp_type, a.reply_icmp_code, a.node,
            a.orig_src, a.orig_dst, a.reply_src, a.reply_dst, a.helper, a.labels
        FROM ctaudit.alive(p_node, v_earlier.dump_id) AS a
        -- A receiver's time is no earlier than the start; an opening read late may be in
        -- neither the dump nor the past.
        WHERE coalesce(a.started_at, a.last_seen_at) < v_dump.began_at
            AND NOT EXISTS (
                SELECT FROM ctaudit.progress AS e
                WHERE e.dump_id = v_dump.dump_id AND e.node = p_node
                    AND e.received_at >= v_dump.began_at - interval '2 hours'
                    AND e.received_at <= v_dump.ended_at + interval '2 hours'
                    AND a.zone = e.zone AND a.proto = e.proto
                    AND a.orig_src = e.orig_src AND a.orig_dst = e.orig_dst
                    AND coalesce(a.orig_sport, -1) = coalesce(e.orig_sport, -1)
                    AND coalesce(a.orig_dport, -1) = coalesce(e.orig_dport, -1)
                    AND coalesce(a.ct_id, -1) = coalesce(e.ct_id, -1)
                    AND ctaudit.closes(
                        a.last_seen_at, a.started_at, a.started_source, a.started_after,
                        e.received_at, e.started_at
                    )
            )
        ORDER BY
            a.zone, a.proto, a.orig_src, a.orig_dst, a.orig_sport, a.orig_dport, a.ct_id,
            a.orig_icmp_type, a.orig_icmp_code, a.started_at DESC NULLS LAST, a.started_source;
    END IF;

    UPDATE ctaudit.dump AS d SET reconciled_at = clock_timestamp()
    WHERE d.dump_id = v_dump.dump_id;
    UPDATE ctaudit.batch AS b SET pending_dump_id = NULL
    WHERE b.node = p_node AND b.stream = p_stream;
END
$$;
ALTER FUNCTION ctaudit.reconcile(p_node text, p_stream uuid) OWNER TO ctaudit_owner;
CREATE PROCEDURE ctaudit.record_history(IN p_node text, IN p_stream uuid, IN p_from bigint, IN p_until bigint, IN p_covered_until timestamp with time zone, IN p_kind smallint[], IN p_received_at timestamp with time zone[], IN p_event_at timestamp with time zone[], IN p_start_sent timestamp with time zone[], IN p_stop_sent timestamp with time zone[], IN p_zone integer[], IN p_orig_zone integer[], IN p_reply_zone integer[], IN p_proto smallint[], IN p_orig_src inet[], IN p_orig_dst inet[], IN p_orig_sport integer[], IN p_orig_dport integer[], IN p_reply_src inet[], IN p_reply_dst inet[], IN p_reply_sport integer[], IN p_reply_dport integer[], IN p_orig_icmp_type smallint[], IN p_orig_icmp_code smallint[], IN p_reply_icmp_type smallint[], IN p_reply_icmp_code smallint[], IN p_orig_packets bigint[], IN p_orig_bytes bigint[], IN p_reply_packets bigint[], IN p_reply_bytes bigint[], IN p_ct_id bigint[], IN p_mark bigint[], IN p_status integer[], IN p_state smallint[], IN p_helper text[], IN p_labels bytea[])
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
AS $$
DECLARE
    v_batch ctaudit.batch;
BEGIN
    IF NOT ctaudit.advance(
        p_node, p_stream, p_from, p_until, p_covered_until,
        cardinality(p_kind), ctaudit.count_kinds(p_kind, '{3,4}')
    ) THEN
        RETURN;
    END IF;
    SELECT * INTO STRICT v_batch FROM ctaudit.batch AS b
    WHERE b.node = p_node AND b.stream = p_stream;
    IF 3 = ANY (p_kind) THEN
        PERFORM ctaudit.keep_ends(
            p_node, p_kind, p_received_at, p_event_at, p_start_sent, p_stop_sent, p_zone,
            p_orig_zone, p_reply_zone, p_proto, p_orig_src, p_orig_dst, p_orig_sport, p_orig_dport,
            p_reply_src, p_reply_dst, p_reply_sport, p_reply_dport, p_orig_icmp_type,
            p_orig_icmp_code, p_reply_icmp_type, p_reply_icmp_code, p_orig_packets, p_orig_bytes,
            p_reply_packets, p_reply_bytes, p_ct_id, p_mark, p_status, p_state, p_helper, p_labels
        );
    END IF;
    IF 4 = ANY (p_kind) THEN
        PERFORM ctaudit.keep_entries(
            p_node, v_batch.dump_id, p_kind, p_received_at, p_start_sent, p_zone, p_orig_zone,
            p_reply_zone, p_proto, p_orig_src, p_orig_dst, p_orig_sport, p_orig_dport, p_reply_src,
            p_reply_dst, p_reply_sport, p_reply_dport, p_orig_icmp_type, p_orig_icmp_code,
            p_reply_icmp_type, p_reply_icmp_code, p_orig_packets, p_orig_bytes, p_reply_packets,
            p_reply_bytes, p_ct_id, p_mark, p_status, p_state, p_helper, p_labels
        );
    END IF;
    IF v_batch.pending_dump_id IS NOT NULL THEN
        PERFORM ctaudit.reconcile(p_node, p_stream);
    END IF;
END
$$;
ALTER PROCEDURE ctaudit.record_history(IN p_node text, IN p_stream uuid, IN p_from bigint, IN p_until bigint, IN p_covered_until timestamp with time zone, IN p_kind smallint[], IN p_received_at timestamp with time zone[], IN p_event_at timestamp with time zone[], IN p_start_sent timestamp with time zone[], IN p_stop_sent timestamp with time zone[], IN p_zone integer[], IN p_orig_zone integer[], IN p_reply_zone integer[], IN p_proto smallint[], IN p_orig_src inet[], IN p_orig_dst inet[], IN p_orig_sport integer[], IN p_orig_dport integer[], IN p_reply_src inet[], IN p_reply_dst inet[], IN p_reply_sport integer[], IN p_reply_dport integer[], IN p_orig_icmp_type smallint[], IN p_orig_icmp_code smallint[], IN p_reply_icmp_type smallint[], IN p_reply_icmp_code smallint[], IN p_orig_packets bigint[], IN p_orig_bytes bigint[], IN p_reply_packets bigint[], IN p_reply_bytes bigint[], IN p_ct_id bigint[], IN p_mark bigint[], IN p_status integer[], IN p_state smallint[], IN p_helper text[], IN p_labels bytea[]) OWNER TO ctaudit_owner;
CREATE PROCEDURE ctaudit.record_live(IN p_node text, IN p_stream uuid, IN p_from bigint, IN p_until bigint, IN p_covered_until timestamp with time zone, IN p_kind smallint[], IN p_received_at timestamp with time zone[], IN p_event_at timestamp with time zone[], IN p_start_sent timestamp with time zone[], IN p_stop_sent timestamp with time zone[], IN p_zone integer[], IN p_orig_zone integer[], IN p_reply_zone integer[], IN p_proto smallint[], IN p_orig_src inet[], IN p_orig_dst inet[], IN p_orig_sport integer[], IN p_orig_dport integer[], IN p_reply_src inet[], IN p_reply_dst inet[], IN p_reply_sport integer[], IN p_reply_dport integer[], IN p_orig_icmp_type smallint[], IN p_orig_icmp_code smallint[], IN p_reply_icmp_type smallint[], IN p_reply_icmp_code smallint[], IN p_orig_packets bigint[], IN p_orig_bytes bigint[], IN p_reply_packets bigint[], IN p_reply_bytes bigint[], IN p_ct_id bigint[], IN p_mark bigint[], IN p_status integer[], IN p_state smallint[], IN p_helper text[], IN p_labels bytea[])
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
AS $$
DECLARE
    v_batch ctaudit.batch;
BEGIN
    IF NOT ctaudit.advance(
        p_node, p_stream, p_from, p_until, p_covered_until,
        cardinality(p_kind), ctaudit.count_kinds(p_kind, '{1,3,4}')
    ) THEN
        RETURN;
    END IF;
    SELECT * INTO STRICT v_batch FROM ctaudit.batch AS b
    WHERE b.node = p_node AND b.stream = p_stream;
    IF 1 = ANY (p_kind) THEN
        PERFORM ctaudit.keep_openings(
            p_node, v_batch.sent_after, p_kind, p_received_at, p_event_at, p_start_sent, p_zone,
            p_orig_zone, p_reply_zone, p_proto, p_orig_src, p_orig_dst, p_orig_sport, p_orig_dport,
            p_reply_src, p_reply_dst, p_reply_sport, p_reply_dport, p_orig_icmp_type,
            p_orig_icmp_code, p_reply_icmp_type, p_reply_icmp_code, p_ct_id, p_mark, p_status,
            p_state, p_helper, p_labels
        );
    END IF;
    IF 3 = ANY (p_kind) AND v_batch.detail ->> 'reliable' = 'true' THEN
        PERFORM ctaudit.open_late(
            p_node, p_kind, p_received_at, p_start_sent, p_zone, p_orig_zone, p_reply_zone, p_proto,
            p_orig_src, p_orig_dst, p_orig_sport, p_orig_dport, p_reply_src, p_reply_dst,
            p_reply_sport, p_reply_dport, p_orig_icmp_type, p_orig_icmp_code, p_reply_icmp_type,
            p_reply_icmp_code, p_ct_id, p_mark, p_status, p_state, p_helper, p_labels
        );
    END IF;
    IF 3 = ANY (p_kind) THEN
        PERFORM ctaudit.keep_ends(
            p_node, p_kind, p_received_at, p_event_at, p_start_sent, p_stop_sent, p_zone,
            p_orig_zone, p_reply_zone, p_proto, p_orig_src, p_orig_dst, p_orig_sport, p_orig_dport,
            p_reply_src, p_reply_dst, p_reply_sport, p_reply_dport, p_orig_icmp_type,
            p_orig_icmp_code, p_reply_icmp_type, p_reply_icmp_code, p_orig_packets, p_orig_bytes,
            p_reply_packets, p_reply_bytes, p_ct_id, p_mark, p_status, p_state, p_helper, p_labels
        );
    END IF;
    IF 4 = ANY (p_kind) THEN
        PERFORM ctaudit.keep_entries(
            p_node, v_batch.dump_id, p_kind, p_received_at, p_start_sent, p_zone, p_orig_zone,
            p_reply_zone, p_proto, p_orig_src, p_orig_dst, p_orig_sport, p_orig_dport, p_reply_src,
            p_reply_dst, p_reply_sport, p_reply_dport, p_orig_icmp_type, p_orig_icmp_code,
            p_reply_icmp_type, p_reply_icmp_code, p_orig_packets, p_orig_bytes, p_reply_packets,
            p_reply_bytes, p_ct_id, p_mark, p_status, p_state, p_helper, p_labels
        );
    END IF;
    IF v_batch.pending_dump_id IS NOT NULL THEN
        PERFORM ctaudit.reconcile(p_node, p_stream);
    END IF;
END
$$;
ALTER PROCEDURE ctaudit.record_live(IN p_node text, IN p_stream uuid, IN p_from bigint, IN p_until bigint, IN p_covered_until timestamp with time zone, IN p_kind smallint[], IN p_received_at timestamp with time zone[], IN p_event_at timestamp with time zone[], IN p_start_sent timestamp with time zone[], IN p_stop_sent timestamp with time zone[], IN p_zone integer[], IN p_orig_zone integer[], IN p_reply_zone integer[], IN p_proto smallint[], IN p_orig_src inet[], IN p_orig_dst inet[], IN p_orig_sport integer[], IN p_orig_dport integer[], IN p_reply_src inet[], IN p_reply_dst inet[], IN p_reply_sport integer[], IN p_reply_dport integer[], IN p_orig_icmp_type smallint[], IN p_orig_icmp_code smallint[], IN p_reply_icmp_type smallint[], IN p_reply_icmp_code smallint[], IN p_orig_packets bigint[], IN p_orig_bytes bigint[], IN p_reply_packets bigint[], IN p_reply_bytes bigint[], IN p_ct_id bigint[], IN p_mark bigint[], IN p_status integer[], IN p_state smallint[], IN p_helper text[], IN p_labels bytea[]) OWNER TO ctaudit_owner;
CREATE PROCEDURE ctaudit.record_nat(IN p_node text, IN p_stream uuid, IN p_from bigint, IN p_until bigint, IN p_covered_until timestamp with time zone, IN p_kind smallint[], IN p_received_at timestamp with time zone[], IN p_event_at timestamp with time zone[], IN p_start_sent timestamp with time zone[], IN p_stop_sent timestamp with time zone[], IN p_zone integer[], IN p_orig_zone integer[], IN p_reply_zone integer[], IN p_proto smallint[], IN p_orig_src inet[], IN p_orig_dst inet[], IN p_orig_sport integer[], IN p_orig_dport integer[], IN p_reply_src inet[], IN p_reply_dst inet[], IN p_reply_sport integer[], IN p_reply_dport integer[], IN p_orig_icmp_type smallint[], IN p_orig_icmp_code smallint[], IN p_reply_icmp_type smallint[], IN p_reply_icmp_code smallint[], IN p_orig_packets bigint[], IN p_orig_bytes bigint[], IN p_reply_packets bigint[], IN p_reply_bytes bigint[], IN p_ct_id bigint[], IN p_mark bigint[], IN p_status integer[], IN p_state smallint[], IN p_helper text[], IN p_labels bytea[])
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
AS $$
DECLARE
    v_batch ctaudit.batch;
    v_late bigint;
BEGIN
    IF NOT ctaudit.advance(
        p_node, p_stream, p_from, p_until, p_covered_until,
        cardinality(p_kind), ctaudit.count_kinds(p_kind, '{1,4}')
    ) THEN
        RETURN;
    END IF;
    SELECT * INTO STRICT v_batch FROM ctaudit.batch AS b
    WHERE b.node = p_node AND b.stream = p_stream;
    IF 1 = ANY (p_kind) THEN
        PERFORM ctaudit.keep_openings(
            p_node, v_batch.sent_after, p_kind, p_received_at, p_event_at, p_start_sent, p_zone,
            p_orig_zone, p_reply_zone, p_proto, p_orig_src, p_orig_dst, p_orig_sport, p_orig_dport,
            p_reply_src, p_reply_dst, p_reply_sport, p_reply_dport, p_orig_icmp_type,
            p_orig_icmp_code, p_reply_icmp_type, p_reply_icmp_code, p_ct_id, p_mark, p_status,
            p_state, p_helper, p_labels
        );
    END IF;
    IF 3 = ANY (p_kind) AND v_batch.detail ->> 'reliable' = 'true' THEN
        v_late := ctaudit.open_late(
            p_node, p_kind, p_received_at, p_start_sent, p_zone, p_orig_zone, p_reply_zone, p_proto,
            p_orig_src, p_orig_dst, p_orig_sport, p_orig_dport, p_reply_src, p_reply_dst,
            p_reply_sport, p_reply_dport, p_orig_icmp_type, p_orig_icmp_code, p_reply_icmp_type,
            p_reply_icmp_code, p_ct_id, p_mark, p_status, p_state, p_helper, p_labels
        );
        UPDATE ctaudit.batch AS b SET stored = b.stored + v_late, filtered = b.filtered - v_late
        WHERE v_late > 0 AND b.node = p_node AND b.stream = p_stream;
    END IF;
    IF 4 = ANY (p_kind) THEN
        PERFORM ctaudit.keep_entries(
            p_node, v_batch.dump_id, p_kind, p_received_at, p_start_sent, p_zone, p_orig_zone,
            p_reply_zone, p_proto, p_orig_src, p_orig_dst, p_orig_sport, p_orig_dport, p_reply_src,
            p_reply_dst, p_reply_sport, p_reply_dport, p_orig_icmp_type, p_orig_icmp_code,
            p_reply_icmp_type, p_reply_icmp_code, p_orig_packets, p_orig_bytes, p_reply_packets,
            p_reply_bytes, p_ct_id, p_mark, p_status, p_state, p_helper, p_labels
        );
    END IF;
    IF v_batch.pending_dump_id IS NOT NULL THEN
        PERFORM ctaudit.reconcile(p_node, p_stream);
    END IF;
END
$$;
ALTER PROCEDURE ctaudit.record_nat(IN p_node text, IN p_stream uuid, IN p_from bigint, IN p_until bigint, IN p_covered_until timestamp with time zone, IN p_kind smallint[], IN p_received_at timestamp with time zone[], IN p_event_at timestamp with time zone[], IN p_start_sent timestamp with time zone[], IN p_stop_sent timestamp with time zone[], IN p_zone integer[], IN p_orig_zone integer[], IN p_reply_zone integer[], IN p_proto smallint[], IN p_orig_src inet[], IN p_orig_dst inet[], IN p_orig_sport integer[], IN p_orig_dport integer[], IN p_reply_src inet[], IN p_reply_dst inet[], IN p_reply_sport integer[], IN p_reply_dport integer[], IN p_orig_icmp_type smallint[], IN p_orig_icmp_code smallint[], IN p_reply_icmp_type smallint[], IN p_reply_icmp_code smallint[], IN p_orig_packets bigint[], IN p_orig_bytes bigint[], IN p_reply_packets bigint[], IN p_reply_bytes bigint[], IN p_ct_id bigint[], IN p_mark bigint[], IN p_status integer[], IN p_state smallint[], IN p_helper text[], IN p_labels bytea[]) OWNER TO ctaudit_owner;
CREATE PROCEDURE ctaudit.record_note(IN p_node text, IN p_stream uuid, IN p_from bigint, IN p_until bigint, IN p_at timestamp with time zone, IN p_note text, IN p_detail jsonb)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
AS $$
DECLARE
    v_detail jsonb := coalesce(p_detail, '{}');
    v_batch ctaudit.batch;
    v_from timestamptz := ctaudit.detail_time(v_detail, 'from');
    v_until timestamptz := ctaudit.detail_time(v_detail, 'until');
    v_count bigint := coalesce((v_detail ->> 'count')::bigint, 1);
BEGIN
    IF p_note <> 'start' OR NOT ctaudit.begin_stream(p_node, p_stream, p_until, p_at, v_detail) THEN
        IF NOT ctaudit.advance(p_node, p_stream, p_from, p_until, NULL, 0, 0) THEN
            RETURN;
        END IF;
    END IF;
    SELECT * INTO STRICT v_batch FROM ctaudit.batch AS b
    WHERE b.node = p_node AND b.stream = p_stream;
    IF p_note <> 'heartbeat' THEN
        INSERT INTO ctaudit.note (node, stream, position, at, note, detail)
        VALUES (
            p_node, p_stream, p_from, p_at, p_note,
            CASE p_note WHEN 'aside' THEN v_detail - 'message' ELSE v_detail END
        ) ON CONFLICT (node, stream, position) DO NOTHING;
    END IF;

    CASE p_note
    WHEN 'stop' THEN
        PERFORM ctaudit.end_coverage(p_node, p_stream);
        UPDATE ctaudit.batch AS b SET stopped_at = p_at
        WHERE b.node = p_node AND b.stream = p_stream;
    WHEN 'overrun' THEN
        PERFORM ctaudit.open_gap(
            p_node, p_stream, v_batch.mode,
            least(v_batch.covered_until, ctaudit.detail_time(v_detail, 'last_read_at')), NULL,
            'overrun', coalesce(v_detail ->> 'lost', v_detail ->> 'drops')::bigint, v_detail
        );
        PERFORM ctaudit.end_coverage(p_node, p_stream);
    WHEN 'dump begin' THEN
        WITH dump AS (
            INSERT INTO ctaudit.dump (node, stream, position, began_at, cause)
            VALUES (p_node, p_stream, p_from, p_at, v_detail ->> 'cause')
            RETURNING dump_id
        )
        UPDATE ctaudit.batch AS b SET dump_id = dump.dump_id FROM dump
        WHERE b.node = p_node AND b.stream = p_stream;
    WHEN 'dump end' THEN
        PERFORM ctaudit.end_dump(v_batch, p_at, v_detail);
    WHEN 'dropped' THEN
        PERFORM ctaudit.open_gap(
            p_node, p_stream, v_batch.mode, least(v_from, v_batch.covered_until),
            coalesce(v_until, p_at), 'spool full', v_count, v_detail
        );
        PERFORM ctaudit.end_coverage(p_node, p_stream);
        UPDATE ctaudit.batch AS b SET dropped = b.dropped + v_count
        WHERE b.node = p_node AND b.stream = p_stream;
    WHEN 'missing' THEN
        PERFORM ctaudit.open_gap(
            p_node, p_stream, v_batch.mode, coalesce(v_from, v_batch.covered_until), v_until,
            coalesce(v_detail ->> 'cause', 'missing'), NULL, v_detail
        );
        PERFORM ctaudit.end_coverage(p_node, p_stream);
        -- An opening that was lost stays unknown until its end or a dump; an end does not.
        IF v_until IS NOT NULL AND v_batch.mode <> 'nat' THEN
            PERFORM ctaudit.begin_coverage(p_node, p_stream, v_until, false, true);
        END IF;
    WHEN 'aside' THEN
        -- If it was an opening, its connection is hidden until a dump shows it.
        PERFORM ctaudit.open_gap(
            p_node, p_stream, v_batch.mode, least(v_batch.covered_until, p_at), NULL,
            'set aside', v_count, v_detail - 'message'
        );
        INSERT INTO ctaudit.aside (node, stream, position, at, reason, server_words, message)
        VALUES (
            p_node, p_stream, p_from, p_at, coalesce(v_detail ->> 'reason', 'unknown'),
            v_detail ->> 'server_words', decode(v_detail ->> 'message', 'base64')
        );
        UPDATE ctaudit.batch AS b SET
            received = b.received + v_count, set_aside = b.set_aside + v_count
        WHERE b.node = p_node AND b.stream = p_stream;
    WHEN 'clock' THEN
        INSERT INTO ctaudit.clock (
            node, stream, at, step_seconds, synchronised, estimated_error_us, detail
        ) VALUES (
            p_node, p_stream, p_at, (v_detail ->> 'step_seconds')::double precision,
            (v_detail ->> 'synchronised')::boolean, (v_detail ->> 'estimated_error_us')::bigint,
            v_detail
        );
        -- After a step back, what is sent bears times that have been there before.
        IF (v_detail ->> 'step_seconds')::double precision < 0 THEN
            UPDATE ctaudit.batch AS b SET covered_until = least(b.covered_until, p_at)
            WHERE b.node = p_node AND b.stream = p_stream;
        END IF;
    ELSE
        NULL;
    END CASE;
END
$$;
ALTER PROCEDURE ctaudit.record_note(IN p_node text, IN p_stream uuid, IN p_from bigint, IN p_until bigint, IN p_at timestamp with time zone, IN p_note text, IN p_detail jsonb) OWNER TO ctaudit_owner;
CREATE FUNCTION ctaudit.resume_position(p_node text, p_stream uuid) RETURNS bigint
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
AS $$
    SELECT b.position FROM ctaudit.batch AS b WHERE b.node = p_node AND b.stream = p_stream;
$$;
ALTER FUNCTION ctaudit.resume_position(p_node text, p_stream uuid) OWNER TO ctaudit_owner;
CREATE FUNCTION ctaudit.schema_version() RETURNS integer
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
AS $$
    SELECT coalesce(max(m.number), 0) FROM ctaudit.migration AS m;
$$;
ALTER FUNCTION ctaudit.schema_version() OWNER TO ctaudit_owner;
CREATE FUNCTION ctaudit.status() RETURNS TABLE(node text, stream uuid, mode text, started_at timestamp with time zone, stopped_at timestamp with time zone, committed_at timestamp with time zone, "position" bigint, covered_from timestamp with time zone, covered_until timestamp with time zone, lag interval, received bigint, stored bigint, filtered bigint, set_aside bigint, dropped bigint, kernel_drops bigint, gaps bigint, open_gaps bigint, detail jsonb)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
AS $$
    SELECT
        b.node, b.stream, b.mode, b.started_at, b.stopped_at, b.committed_at, b.position,
        b.covered_from, b.covered_until,
        CASE WHEN b.stopped_at IS NULL THEN clock_timestamp() - b.covered_until END,
        b.received, b.stored, b.filtered, b.set_aside, b.dropped,
        g.kernel_drops,
        g.gaps, g.open_gaps, b.detail
    FROM ctaudit.batch AS b
    CROSS JOIN LATERAL (
        SELECT count(*) AS gaps, count(*) FILTER (WHERE x.gap_until IS NULL) AS open_gaps,
            coalesce(sum((x.detail ->> 'undelivered')::bigint), 0)::bigint AS kernel_drops
        FROM ctaudit.gap AS x WHERE x.node = b.node AND x.stream = b.stream
    ) AS g
    ORDER BY b.node, b.started_at DESC;
$$;
ALTER FUNCTION ctaudit.status() OWNER TO ctaudit_owner;
CREATE FUNCTION ctaudit.trim_before(p_kept timestamp with time zone) RETURNS TABLE(object text, rows bigint)
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
AS $$
BEGIN
    object := 'coverage';
    -- In the order the record procedures take them: the stream's row, then its coverage.
    UPDATE ctaudit.batch AS b
    SET covered_from = CASE WHEN c.covered_until >= p_kept THEN p_kept END
    FROM ctaudit.coverage AS c
    WHERE b.covered_from < p_kept
        AND c.node = b.node AND c.stream = b.stream AND c.covered_from = b.covered_from;
    DELETE FROM ctaudit.coverage AS c WHERE c.covered_until < p_kept;
    GET DIAGNOSTICS rows = ROW_COUNT;
    RETURN NEXT;
    UPDATE ctaudit.coverage AS c SET covered_from = p_kept WHERE c.covered_from < p_kept;

    object := 'dump';
    DELETE FROM ctaudit.dump AS d
    WHERE coalesce(d.ended_at, d.began_at) < p_kept AND NOT EXISTS (
        SELECT FROM ctaudit.batch AS b
        WHERE b.node = d.node AND d.dump_id IN (b.dump_id, b.pending_dump_id)
    );
    GET DIAGNOSTICS rows = ROW_COUNT;
    RETURN NEXT;

    object := 'note';
    DELETE FROM ctaudit.note AS n WHERE n.at < p_kept;
    GET DIAGNOSTICS rows = ROW_COUNT;
    RETURN NEXT;

    object := 'aside';
    DELETE FROM ctaudit.aside AS a WHERE a.at < p_kept;
    GET DIAGNOSTICS rows = ROW_COUNT;
    RETURN NEXT;

    object := 'clock';
    DELETE FROM ctaudit.clock AS k WHERE k.at < p_kept;
    GET DIAGNOSTICS rows = ROW_COUNT;
    RETURN NEXT;
END
$$;
ALTER FUNCTION ctaudit.trim_before(p_kept timestamp with time zone) OWNER TO ctaudit_owner;
CREATE FUNCTION ctaudit.who(p_address inet, p_port integer, p_from timestamp with time zone, p_until timestamp with time zone, p_remote inet DEFAULT NULL::inet, p_remote_port integer DEFAULT NULL::integer, p_proto smallint DEFAULT NULL::smallint, p_node text DEFAULT NULL::text) RETURNS SETOF ctaudit.connection
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
AS $_$
DECLARE
    v_outward text := 'r.reply_dst = $11';
    v_inward text := 'r.orig_dst = $11';
    v_answers bigint;
BEGIN
    IF p_port IS NOT NULL THEN
        v_outward := v_outward || ' AND r.reply_dport = $12';
        v_inward := v_inward || ' AND r.orig_dport = $12';
    END IF;
    IF p_remote IS NOT NULL THEN
        v_outward := v_outward || ' AND r.reply_src = $13';
        v_inward := v_inward || ' AND r.orig_src = $13';
    END IF;
    IF p_remote_port IS NOT NULL THEN
        v_outward := v_outward || ' AND r.reply_sport = $14';
        v_inward := v_inward || ' AND r.orig_sport = $14';
    END IF;
    IF p_proto IS NOT NULL THEN
        v_outward := v_outward || ' AND r.proto = $15';
        v_inward := v_inward || ' AND r.proto = $15';
    END IF;
    RETURN QUERY SELECT * FROM ctaudit.ask(
        p_from, p_until, p_node, v_outward, v_inward,
        p_address, p_port, p_remote, p_remote_port, p_proto, true, false, NULL
    );
    GET DIAGNOSTICS v_answers = ROW_COUNT;
    PERFORM ctaudit.note_inquiry('who', jsonb_build_object(
        'address', p_address, 'port', p_port, 'from', p_from, 'until', p_until,
        'remote', p_remote, 'remote_port', p_remote_port, 'proto', p_proto, 'node', p_node
    ), v_answers);
END
$_$;
ALTER FUNCTION ctaudit.who(p_address inet, p_port integer, p_from timestamp with time zone, p_until timestamp with time zone, p_remote inet, p_remote_port integer, p_proto smallint, p_node text) OWNER TO ctaudit_owner;
CREATE TABLE ctaudit.aside (
    aside_id bigint NOT NULL,
    node text NOT NULL,
    stream uuid NOT NULL,
    "position" bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    reason text NOT NULL,
    server_words text,
    message bytea
);
ALTER TABLE ctaudit.aside OWNER TO ctaudit_owner;
ALTER TABLE ctaudit.aside ALTER COLUMN aside_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME ctaudit.aside_aside_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE ctaudit.clock (
    clock_id bigint NOT NULL,
    node text NOT NULL,
    stream uuid NOT NULL,
    at timestamp with time zone NOT NULL,
    step_seconds double precision,
    synchronised boolean,
    estimated_error_us bigint,
    detail jsonb NOT NULL
);
ALTER TABLE ctaudit.clock OWNER TO ctaudit_owner;
ALTER TABLE ctaudit.clock ALTER COLUMN clock_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME ctaudit.clock_clock_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE ctaudit.coverage (
    node text NOT NULL,
    stream uuid NOT NULL,
    covered_from timestamp with time zone NOT NULL,
    covered_until timestamp with time zone NOT NULL,
    openings boolean NOT NULL,
    ends boolean NOT NULL,
    CONSTRAINT coverage_check CHECK ((covered_from <= covered_until))
)
WITH (fillfactor='20', autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='1000');
ALTER TABLE ctaudit.coverage OWNER TO ctaudit_owner;
CREATE TABLE ctaudit.dump (
    dump_id bigint NOT NULL,
    node text NOT NULL,
    stream uuid NOT NULL,
    "position" bigint NOT NULL,
    began_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone,
    reconciled_at timestamp with time zone,
    entries bigint,
    cause text
);
ALTER TABLE ctaudit.dump OWNER TO ctaudit_owner;
ALTER TABLE ctaudit.dump ALTER COLUMN dump_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME ctaudit.dump_dump_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE ctaudit.flow (
    received_at timestamp with time zone NOT NULL,
    started_at timestamp with time zone,
    ended_at timestamp with time zone,
    stop_sent timestamp with time zone,
    ended_after timestamp with time zone,
    ended_before timestamp with time zone,
    orig_packets bigint,
    orig_bytes bigint,
    reply_packets bigint,
    reply_bytes bigint,
    ct_id bigint,
    mark bigint,
    started_source ctaudit.time_source,
    ended_source ctaudit.time_source,
    provenance ctaudit.provenance DEFAULT 'event'::ctaudit.provenance NOT NULL,
    zone integer DEFAULT 0 NOT NULL,
    orig_zone integer,
    reply_zone integer,
    orig_sport integer,
    orig_dport integer,
    reply_sport integer,
    reply_dport integer,
    status integer,
    proto smallint NOT NULL,
    state smallint,
    orig_icmp_type smallint,
    orig_icmp_code smallint,
    reply_icmp_type smallint,
    reply_icmp_code smallint,
    node text NOT NULL,
    orig_src inet NOT NULL,
    orig_dst inet NOT NULL,
    reply_src inet NOT NULL,
    reply_dst inet NOT NULL,
    helper text,
    labels bytea,
    ended_cause text
)
PARTITION BY RANGE (received_at);
ALTER TABLE ctaudit.flow OWNER TO ctaudit_owner;
CREATE TABLE ctaudit.flow_default (
    received_at timestamp with time zone NOT NULL,
    started_at timestamp with time zone,
    ended_at timestamp with time zone,
    stop_sent timestamp with time zone,
    ended_after timestamp with time zone,
    ended_before timestamp with time zone,
    orig_packets bigint,
    orig_bytes bigint,
    reply_packets bigint,
    reply_bytes bigint,
    ct_id bigint,
    mark bigint,
    started_source ctaudit.time_source,
    ended_source ctaudit.time_source,
    provenance ctaudit.provenance DEFAULT 'event'::ctaudit.provenance NOT NULL,
    zone integer DEFAULT 0 NOT NULL,
    orig_zone integer,
    reply_zone integer,
    orig_sport integer,
    orig_dport integer,
    reply_sport integer,
    reply_dport integer,
    status integer,
    proto smallint NOT NULL,
    state smallint,
    orig_icmp_type smallint,
    orig_icmp_code smallint,
    reply_icmp_type smallint,
    reply_icmp_code smallint,
    node text NOT NULL,
    orig_src inet NOT NULL,
    orig_dst inet NOT NULL,
    reply_src inet NOT NULL,
    reply_dst inet NOT NULL,
    helper text,
    labels bytea,
    ended_cause text
);
ALTER TABLE ctaudit.flow_default OWNER TO ctaudit_owner;
ALTER TABLE ctaudit.gap ALTER COLUMN gap_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME ctaudit.gap_gap_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE ctaudit.inquiry (
    inquiry_id bigint NOT NULL,
    asked_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    asked_by text DEFAULT SESSION_USER NOT NULL,
    client inet,
    application text,
    question text NOT NULL,
    arguments jsonb NOT NULL,
    answers bigint NOT NULL
);
ALTER TABLE ctaudit.inquiry OWNER TO ctaudit_owner;
ALTER TABLE ctaudit.inquiry ALTER COLUMN inquiry_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME ctaudit.inquiry_inquiry_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE ctaudit.migration (
    number integer NOT NULL,
    name text NOT NULL,
    applied_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);
ALTER TABLE ctaudit.migration OWNER TO ctaudit_owner;
CREATE TABLE ctaudit.node (
    node text NOT NULL,
    first_seen timestamp with time zone NOT NULL,
    retired_at timestamp with time zone,
    comment text,
    CONSTRAINT node_node_check CHECK ((node <> ''::text))
);
ALTER TABLE ctaudit.node OWNER TO ctaudit_owner;
CREATE TABLE ctaudit.note (
    node text NOT NULL,
    stream uuid NOT NULL,
    "position" bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    note text NOT NULL,
    detail jsonb NOT NULL
);
ALTER TABLE ctaudit.note OWNER TO ctaudit_owner;
CREATE TABLE ctaudit.opening (
    received_at timestamp with time zone NOT NULL,
    started_at timestamp with time zone NOT NULL,
    started_after timestamp with time zone,
    ct_id bigint,
    mark bigint,
    started_source ctaudit.time_source NOT NULL,
    provenance ctaudit.provenance DEFAULT 'event'::ctaudit.provenance NOT NULL,
    zone integer DEFAULT 0 NOT NULL,
    orig_zone integer,
    reply_zone integer,
    orig_sport integer,
    orig_dport integer,
    reply_sport integer,
    reply_dport integer,
    status integer,
    proto smallint NOT NULL,
    state smallint,
    orig_icmp_type smallint,
    orig_icmp_code smallint,
    reply_icmp_type smallint,
    reply_icmp_code smallint,
    node text NOT NULL,
    orig_src inet NOT NULL,
    orig_dst inet NOT NULL,
    reply_src inet NOT NULL,
    reply_dst inet NOT NULL,
    helper text,
    labels bytea
)
PARTITION BY RANGE (received_at);
ALTER TABLE ctaudit.opening OWNER TO ctaudit_owner;
CREATE TABLE ctaudit.opening_default (
    received_at timestamp with time zone NOT NULL,
    started_at timestamp with time zone NOT NULL,
    started_after timestamp with time zone,
    ct_id bigint,
    mark bigint,
    started_source ctaudit.time_source NOT NULL,
    provenance ctaudit.provenance DEFAULT 'event'::ctaudit.provenance NOT NULL,
    zone integer DEFAULT 0 NOT NULL,
    orig_zone integer,
    reply_zone integer,
    orig_sport integer,
    orig_dport integer,
    reply_sport integer,
    reply_dport integer,
    status integer,
    proto smallint NOT NULL,
    state smallint,
    orig_icmp_type smallint,
    orig_icmp_code smallint,
    reply_icmp_type smallint,
    reply_icmp_code smallint,
    node text NOT NULL,
    orig_src inet NOT NULL,
    orig_dst inet NOT NULL,
    reply_src inet NOT NULL,
    reply_dst inet NOT NULL,
    helper text,
    labels bytea
);
ALTER TABLE ctaudit.opening_default OWNER TO ctaudit_owner;
CREATE TABLE ctaudit.progress (
    received_at timestamp with time zone NOT NULL,
    started_at timestamp with time zone,
    dump_id bigint,
    orig_packets bigint,
    orig_bytes bigint,
    reply_packets bigint,
    reply_bytes bigint,
    ct_id bigint,
    mark bigint,
    zone integer DEFAULT 0 NOT NULL,
    orig_zone integer,
    reply_zone integer,
    orig_sport integer,
    orig_dport integer,
    reply_sport integer,
    reply_dport integer,
    status integer,
    proto smallint NOT NULL,
    state smallint,
    orig_icmp_type smallint,
    orig_icmp_code smallint,
    reply_icmp_type smallint,
    reply_icmp_code smallint,
    node text NOT NULL,
    orig_src inet NOT NULL,
    orig_dst inet NOT NULL,
    reply_src inet NOT NULL,
    reply_dst inet NOT NULL,
    helper text,
    labels bytea
)
PARTITION BY RANGE (received_at);
ALTER TABLE ctaudit.progress OWNER TO ctaudit_owner;
CREATE TABLE ctaudit.progress_default (
    received_at timestamp with time zone NOT NULL,
    started_at timestamp with time zone,
    dump_id bigint,
    orig_packets bigint,
    orig_bytes bigint,
    reply_packets bigint,
    reply_bytes bigint,
    ct_id bigint,
    mark bigint,
    zone integer DEFAULT 0 NOT NULL,
    orig_zone integer,
    reply_zone integer,
    orig_sport integer,
    orig_dport integer,
    reply_sport integer,
    reply_dport integer,
    status integer,
    proto smallint NOT NULL,
    state smallint,
    orig_icmp_type smallint,
    orig_icmp_code smallint,
    reply_icmp_type smallint,
    reply_icmp_code smallint,
    node text NOT NULL,
    orig_src inet NOT NULL,
    orig_dst inet NOT NULL,
    reply_src inet NOT NULL,
    reply_dst inet NOT NULL,
    helper text,
    labels bytea
);
ALTER TABLE ctaudit.progress_default OWNER TO ctaudit_owner;
ALTER TABLE ONLY ctaudit.flow ATTACH PARTITION ctaudit.flow_default DEFAULT;
ALTER TABLE ONLY ctaudit.opening ATTACH PARTITION ctaudit.opening_default DEFAULT;
ALTER TABLE ONLY ctaudit.progress ATTACH PARTITION ctaudit.progress_default DEFAULT;
ALTER TABLE ONLY ctaudit.aside
    ADD CONSTRAINT aside_pkey PRIMARY KEY (aside_id);
ALTER TABLE ONLY ctaudit.batch
    ADD CONSTRAINT batch_pkey PRIMARY KEY (node, stream);
ALTER TABLE ONLY ctaudit.clock
    ADD CONSTRAINT clock_pkey PRIMARY KEY (clock_id);
ALTER TABLE ONLY ctaudit.coverage
    ADD CONSTRAINT coverage_pkey PRIMARY KEY (node, stream, covered_from);
ALTER TABLE ONLY ctaudit.dump
    ADD CONSTRAINT dump_node_stream_position_key UNIQUE (node, stream, "position");
ALTER TABLE ONLY ctaudit.dump
    ADD CONSTRAINT dump_pkey PRIMARY KEY (dump_id);
ALTER TABLE ONLY ctaudit.gap
    ADD CONSTRAINT gap_pkey PRIMARY KEY (gap_id);
ALTER TABLE ONLY ctaudit.inquiry
    ADD CONSTRAINT inquiry_pkey PRIMARY KEY (inquiry_id);
ALTER TABLE ONLY ctaudit.migration
    ADD CONSTRAINT migration_name_key UNIQUE (name);
ALTER TABLE ONLY ctaudit.migration
    ADD CONSTRAINT migration_pkey PRIMARY KEY (number);
ALTER TABLE ONLY ctaudit.node
    ADD CONSTRAINT node_pkey PRIMARY KEY (node);
ALTER TABLE ONLY ctaudit.note
    ADD CONSTRAINT note_pkey PRIMARY KEY (node, stream, "position");
CREATE INDEX clock_node_at ON ctaudit.clock USING btree (node, at) WHERE (step_seconds IS NOT NULL);
CREATE INDEX dump_node_ended_at ON ctaudit.dump USING btree (node, ended_at);
CREATE INDEX flow_dnat ON ONLY ctaudit.flow USING btree (orig_dport, orig_dst, started_at) WHERE ((status & 32) <> 0);
CREATE INDEX flow_default_orig_dport_orig_dst_started_at_idx ON ctaudit.flow_default USING btree (orig_dport, orig_dst, started_at) WHERE ((status & 32) <> 0);
CREATE INDEX flow_received_at ON ONLY ctaudit.flow USING brin (received_at);
CREATE INDEX flow_default_received_at_idx ON ctaudit.flow_default USING brin (received_at);
CREATE INDEX flow_reply ON ONLY ctaudit.flow USING btree (reply_dport, reply_dst, started_at);
CREATE INDEX flow_default_reply_dport_reply_dst_started_at_idx ON ctaudit.flow_default USING btree (reply_dport, reply_dst, started_at);
CREATE INDEX gap_node_gap_from ON ctaudit.gap USING btree (node, gap_from);
CREATE INDEX opening_dnat ON ONLY ctaudit.opening USING btree (orig_dport, orig_dst, started_at) WHERE ((status & 32) <> 0);
CREATE INDEX opening_default_orig_dport_orig_dst_started_at_idx ON ctaudit.opening_default USING btree (orig_dport, orig_dst, started_at) WHERE ((status & 32) <> 0);
CREATE INDEX opening_received_at ON ONLY ctaudit.opening USING brin (received_at);
CREATE INDEX opening_default_received_at_idx ON ctaudit.opening_default USING brin (received_at);
CREATE INDEX opening_reply ON ONLY ctaudit.opening USING btree (reply_dport, reply_dst, started_at);
CREATE INDEX opening_default_reply_dport_reply_dst_started_at_idx ON ctaudit.opening_default USING btree (reply_dport, reply_dst, started_at);
CREATE INDEX progress_dnat ON ONLY ctaudit.progress USING btree (orig_dport, orig_dst, dump_id) WHERE ((status & 32) <> 0);
CREATE INDEX progress_default_orig_dport_orig_dst_dump_id_idx ON ctaudit.progress_default USING btree (orig_dport, orig_dst, dump_id) WHERE ((status & 32) <> 0);
CREATE INDEX progress_received_at ON ONLY ctaudit.progress USING brin (received_at);
CREATE INDEX progress_default_received_at_idx ON ctaudit.progress_default USING brin (received_at);
CREATE INDEX progress_reply ON ONLY ctaudit.progress USING btree (reply_dport, reply_dst, dump_id);
CREATE INDEX progress_default_reply_dport_reply_dst_dump_id_idx ON ctaudit.progress_default USING btree (reply_dport, reply_dst, dump_id);
ALTER INDEX ctaudit.flow_dnat ATTACH PARTITION ctaudit.flow_default_orig_dport_orig_dst_started_at_idx;
ALTER INDEX ctaudit.flow_received_at ATTACH PARTITION ctaudit.flow_default_received_at_idx;
ALTER INDEX ctaudit.flow_reply ATTACH PARTITION ctaudit.flow_default_reply_dport_reply_dst_started_at_idx;
ALTER INDEX ctaudit.opening_dnat ATTACH PARTITION ctaudit.opening_default_orig_dport_orig_dst_started_at_idx;
ALTER INDEX ctaudit.opening_received_at ATTACH PARTITION ctaudit.opening_default_received_at_idx;
ALTER INDEX ctaudit.opening_reply ATTACH PARTITION ctaudit.opening_default_reply_dport_reply_dst_started_at_idx;
ALTER INDEX ctaudit.progress_dnat ATTACH PARTITION ctaudit.progress_default_orig_dport_orig_dst_dump_id_idx;
ALTER INDEX ctaudit.progress_received_at ATTACH PARTITION ctaudit.progress_default_received_at_idx;
ALTER INDEX ctaudit.progress_reply ATTACH PARTITION ctaudit.progress_default_reply_dport_reply_dst_dump_id_idx;
ALTER TABLE ONLY ctaudit.batch
    ADD CONSTRAINT batch_node_fkey FOREIGN KEY (node) REFERENCES ctaudit.node(node);
ALTER TABLE ONLY ctaudit.coverage
    ADD CONSTRAINT coverage_node_stream_fkey FOREIGN KEY (node, stream) REFERENCES ctaudit.batch(node, stream);
GRANT USAGE ON SCHEMA ctaudit TO ctaudit_recorder;
GRANT USAGE ON SCHEMA ctaudit TO ctaudit_auditor;
REVOKE ALL ON FUNCTION ctaudit.advance(p_node text, p_stream uuid, p_from bigint, p_until bigint, p_covered_until timestamp with time zone, p_received bigint, p_kept bigint) FROM PUBLIC;
REVOKE ALL ON FUNCTION ctaudit.alive(p_node text, p_dump bigint) FROM PUBLIC;
REVOKE ALL ON FUNCTION ctaudit.ask(p_from timestamp with time zone, p_until timestamp with time zone, p_node text, p_outward text, p_inward text, p_address inet, p_port integer, p_remote inet, p_remote_port integer, p_proto smallint, p_latest boolean, p_open boolean, p_limit integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION ctaudit.begin_coverage(p_node text, p_stream uuid, p_at timestamp with time zone, p_openings boolean, p_ends boolean) FROM PUBLIC;
REVOKE ALL ON FUNCTION ctaudit.begin_stream(p_node text, p_stream uuid, p_until bigint, p_at timestamp with time zone, p_detail jsonb) FROM PUBLIC;
REVOKE ALL ON FUNCTION ctaudit.closes(p_seen_at timestamp with time zone, p_started_at timestamp with time zone, p_source ctaudit.time_source, p_after timestamp with time zone, p_flow_received_at timestamp with time zone, p_flow_started_at timestamp with time zone) FROM PUBLIC;
REVOKE ALL ON FUNCTION ctaudit.completeness(p_node text, p_from timestamp with time zone, p_until timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION ctaudit.completeness(p_node text, p_from timestamp with time zone, p_until timestamp with time zone) TO ctaudit_auditor;
REVOKE ALL ON FUNCTION ctaudit.connection_query(p_outward text, p_inward text) FROM PUBLIC;
REVOKE ALL ON FUNCTION ctaudit.count_kinds(p_kind smallint[], p_kept smallint[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION ctaudit.detail_time(p_detail jsonb, p_key text) FROM PUBLIC;
REVOKE ALL ON FUNCTION ctaudit.end_coverage(p_node text, p_stream uuid) FROM PUBLIC;
REVOKE ALL ON FUNCTION ctaudit.end_dump(p_batch ctaudit.batch, p_at timestamp with time zone, p_detail jsonb) FROM PUBLIC;
REVOKE ALL ON FUNCTION ctaudit.flows(p_host inet, p_nat inet, p_remote inet, p_from timestamp with time zone, p_until timestamp with time zone, p_open boolean, p_node text, p_limit integer) FROM PUBLIC;
GRANT ALL ON FUNCTION ctaudit.flows(p_host inet, p_nat inet, p_remote inet, p_from timestamp with time zone, p_until timestamp with time zone, p_open boolean, p_node text, p_limit integer) TO ctaudit_auditor;
REVOKE ALL ON FUNCTION ctaudit.gap_words(p_gap ctaudit.gap) FROM PUBLIC;
REVOKE ALL ON FUNCTION ctaudit.gaps(p_node text, p_from timestamp with time zone, p_until timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION ctaudit.gaps(p_node text, p_from timestamp with time zone, p_until timestamp with time zone) TO ctaudit_auditor;
REVOKE ALL ON FUNCTION ctaudit.keep_ends(p_node text, p_kind smallint[], p_received_at timestamp with time zone[], p_event_at timestamp with time zone[], p_start_sent timestamp with time zone[], p_stop_sent timestamp with time zone[], p_zone integer[], p_orig_zone integer[], p_reply_zone integer[], p_proto smallint[], p_orig_src inet[], p_orig_dst inet[], p_orig_sport integer[], p_orig_dport integer[], p_reply_src inet[], p_reply_dst inet[], p_reply_sport integer[], p_reply_dport integer[], p_orig_icmp_type smallint[], p_orig_icmp_code smallint[], p_reply_icmp_type smallint[], p_reply_icmp_code smallint[], p_orig_packets bigint[], p_orig_bytes bigint[], p_reply_packets bigint[], p_reply_bytes bigint[], p_ct_id bigint[], p_mark bigint[], p_status integer[], p_state smallint[], p_helper text[], p_labels bytea[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION ctaudit.keep_entries(p_node text, p_dump_id bigint, p_kind smallint[], p_received_at timestamp with time zone[], p_start_sent timestamp with time zone[], p_zone integer[], p_orig_zone integer[], p_reply_zone integer[], p_proto smallint[], p_orig_src inet[], p_orig_dst inet[], p_orig_sport integer[], p_orig_dport integer[], p_reply_src inet[], p_reply_dst inet[], p_reply_sport integer[], p_reply_dport integer[], p_orig_icmp_type smallint[], p_orig_icmp_code smallint[], p_reply_icmp_type smallint[], p_reply_icmp_code smallint[], p_orig_packets bigint[], p_orig_bytes bigint[], p_reply_packets bigint[], p_reply_bytes bigint[], p_ct_id bigint[], p_mark bigint[], p_status integer[], p_state smallint[], p_helper text[], p_labels bytea[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION ctaudit.keep_openings(p_node text, p_sent_after timestamp with time zone, p_kind smallint[], p_received_at timestamp with time zone[], p_event_at timestamp with time zone[], p_start_sent timestamp with time zone[], p_zone integer[], p_orig_zone integer[], p_reply_zone integer[], p_proto smallint[], p_orig_src inet[], p_orig_dst inet[], p_orig_sport integer[], p_orig_dport integer[], p_reply_src inet[], p_reply_dst inet[], p_reply_sport integer[], p_reply_dport integer[], p_orig_icmp_type smallint[], p_orig_icmp_code smallint[], p_reply_icmp_type smallint[], p_reply_icmp_code smallint[], p_ct_id bigint[], p_mark bigint[], p_status integer[], p_state smallint[], p_helper text[], p_labels bytea[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION ctaudit.last_dump(p_node text, p_before timestamp with time zone, p_reconciled boolean) FROM PUBLIC;
REVOKE ALL ON FUNCTION ctaudit.late_end(p_connection ctaudit.connection, p_since timestamp with time zone) FROM PUBLIC;
REVOKE ALL ON FUNCTION ctaudit.live(p_node text) FROM PUBLIC;
GRANT ALL ON FUNCTION ctaudit.live(p_node text) TO ctaudit_auditor;
REVOKE ALL ON FUNCTION ctaudit.maintain(p_retention_days integer, p_days integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION ctaudit.make_partition(p_table text, p_day date) FROM PUBLIC;
REVOKE ALL ON FUNCTION ctaudit.make_partitions(p_days integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION ctaudit.note_inquiry(p_question text, p_arguments jsonb, p_answers bigint) FROM PUBLIC;
REVOKE ALL ON FUNCTION ctaudit.open_gap(p_node text, p_stream uuid, p_mode text, p_from timestamp with time zone, p_until timestamp with time zone, p_cause text, p_lost bigint, p_detail jsonb) FROM PUBLIC;
REVOKE ALL ON FUNCTION ctaudit.open_late(p_node text, p_kind smallint[], p_received_at timestamp with time zone[], p_start_sent timestamp with time zone[], p_zone integer[], p_orig_zone integer[], p_reply_zone integer[], p_proto smallint[], p_orig_src inet[], p_orig_dst inet[], p_orig_sport integer[], p_orig_dport integer[], p_reply_src inet[], p_reply_dst inet[], p_reply_sport integer[], p_reply_dport integer[], p_orig_icmp_type smallint[], p_orig_icmp_code smallint[], p_reply_icmp_type smallint[], p_reply_icmp_code smallint[], p_ct_id bigint[], p_mark bigint[], p_status integer[], p_state smallint[], p_helper text[], p_labels bytea[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION ctaudit.partition_name(p_table text, p_day date) FROM PUBLIC;
REVOKE ALL ON FUNCTION ctaudit.reconcile(p_node text, p_stream uuid) FROM PUBLIC;
REVOKE ALL ON PROCEDURE ctaudit.record_history(IN p_node text, IN p_stream uuid, IN p_from bigint, IN p_until bigint, IN p_covered_until timestamp with time zone, IN p_kind smallint[], IN p_received_at timestamp with time zone[], IN p_event_at timestamp with time zone[], IN p_start_sent timestamp with time zone[], IN p_stop_sent timestamp with time zone[], IN p_zone integer[], IN p_orig_zone integer[], IN p_reply_zone integer[], IN p_proto smallint[], IN p_orig_src inet[], IN p_orig_dst inet[], IN p_orig_sport integer[], IN p_orig_dport integer[], IN p_reply_src inet[], IN p_reply_dst inet[], IN p_reply_sport integer[], IN p_reply_dport integer[], IN p_orig_icmp_type smallint[], IN p_orig_icmp_code smallint[], IN p_reply_icmp_type smallint[], IN p_reply_icmp_code smallint[], IN p_orig_packets bigint[], IN p_orig_bytes bigint[], IN p_reply_packets bigint[], IN p_reply_bytes bigint[], IN p_ct_id bigint[], IN p_mark bigint[], IN p_status integer[], IN p_state smallint[], IN p_helper text[], IN p_labels bytea[]) FROM PUBLIC;
GRANT ALL ON PROCEDURE ctaudit.record_history(IN p_node text, IN p_stream uuid, IN p_from bigint, IN p_until bigint, IN p_covered_until timestamp with time zone, IN p_kind smallint[], IN p_received_at timestamp with time zone[], IN p_event_at timestamp with time zone[], IN p_start_sent timestamp with time zone[], IN p_stop_sent timestamp with time zone[], IN p_zone integer[], IN p_orig_zone integer[], IN p_reply_zone integer[], IN p_proto smallint[], IN p_orig_src inet[], IN p_orig_dst inet[], IN p_orig_sport integer[], IN p_orig_dport integer[], IN p_reply_src inet[], IN p_reply_dst inet[], IN p_reply_sport integer[], IN p_reply_dport integer[], IN p_orig_icmp_type smallint[], IN p_orig_icmp_code smallint[], IN p_reply_icmp_type smallint[], IN p_reply_icmp_code smallint[], IN p_orig_packets bigint[], IN p_orig_bytes bigint[], IN p_reply_packets bigint[], IN p_reply_bytes bigint[], IN p_ct_id bigint[], IN p_mark bigint[], IN p_status integer[], IN p_state smallint[], IN p_helper text[], IN p_labels bytea[]) TO ctaudit_recorder;
REVOKE ALL ON PROCEDURE ctaudit.record_live(IN p_node text, IN p_stream uuid, IN p_from bigint, IN p_until bigint, IN p_covered_until timestamp with time zone, IN p_kind smallint[], IN p_received_at timestamp with time zone[], IN p_event_at timestamp with time zone[], IN p_start_sent timestamp with time zone[], IN p_stop_sent timestamp with time zone[], IN p_zone integer[], IN p_orig_zone integer[], IN p_reply_zone integer[], IN p_proto smallint[], IN p_orig_src inet[], IN p_orig_dst inet[], IN p_orig_sport integer[], IN p_orig_dport integer[], IN p_reply_src inet[], IN p_reply_dst inet[], IN p_reply_sport integer[], IN p_reply_dport integer[], IN p_orig_icmp_type smallint[], IN p_orig_icmp_code smallint[], IN p_reply_icmp_type smallint[], IN p_reply_icmp_code smallint[], IN p_orig_packets bigint[], IN p_orig_bytes bigint[], IN p_reply_packets bigint[], IN p_reply_bytes bigint[], IN p_ct_id bigint[], IN p_mark bigint[], IN p_status integer[], IN p_state smallint[], IN p_helper text[], IN p_labels bytea[]) FROM PUBLIC;
GRANT ALL ON PROCEDURE ctaudit.record_live(IN p_node text, IN p_stream uuid, IN p_from bigint, IN p_until bigint, IN p_covered_until timestamp with time zone, IN p_kind smallint[], IN p_received_at timestamp with time zone[], IN p_event_at timestamp with time zone[], IN p_start_sent timestamp with time zone[], IN p_stop_sent timestamp with time zone[], IN p_zone integer[], IN p_orig_zone integer[], IN p_reply_zone integer[], IN p_proto smallint[], IN p_orig_src inet[], IN p_orig_dst inet[], IN p_orig_sport integer[], IN p_orig_dport integer[], IN p_reply_src inet[], IN p_reply_dst inet[], IN p_reply_sport integer[], IN p_reply_dport integer[], IN p_orig_icmp_type smallint[], IN p_orig_icmp_code smallint[], IN p_reply_icmp_type smallint[], IN p_reply_icmp_code smallint[], IN p_orig_packets bigint[], IN p_orig_bytes bigint[], IN p_reply_packets bigint[], IN p_reply_bytes bigint[], IN p_ct_id bigint[], IN p_mark bigint[], IN p_status integer[], IN p_state smallint[], IN p_helper text[], IN p_labels bytea[]) TO ctaudit_recorder;
REVOKE ALL ON PROCEDURE ctaudit.record_nat(IN p_node text, IN p_stream uuid, IN p_from bigint, IN p_until bigint, IN p_covered_until timestamp with time zone, IN p_kind smallint[], IN p_received_at timestamp with time zone[], IN p_event_at timestamp with time zone[], IN p_start_sent timestamp with time zone[], IN p_stop_sent timestamp with time zone[], IN p_zone integer[], IN p_orig_zone integer[], IN p_reply_zone integer[], IN p_proto smallint[], IN p_orig_src inet[], IN p_orig_dst inet[], IN p_orig_sport integer[], IN p_orig_dport integer[], IN p_reply_src inet[], IN p_reply_dst inet[], IN p_reply_sport integer[], IN p_reply_dport integer[], IN p_orig_icmp_type smallint[], IN p_orig_icmp_code smallint[], IN p_reply_icmp_type smallint[], IN p_reply_icmp_code smallint[], IN p_orig_packets bigint[], IN p_orig_bytes bigint[], IN p_reply_packets bigint[], IN p_reply_bytes bigint[], IN p_ct_id bigint[], IN p_mark bigint[], IN p_status integer[], IN p_state smallint[], IN p_helper text[], IN p_labels bytea[]) FROM PUBLIC;
GRANT ALL ON PROCEDURE ctaudit.record_nat(IN p_node text, IN p_stream uuid, IN p_from bigint, IN p_until bigint, IN p_covered_until timestamp with time zone, IN p_kind smallint[], IN p_received_at timestamp with time zone[], IN p_event_at timestamp with time zone[], IN p_start_sent timestamp with time zone[], IN p_stop_sent timestamp with time zone[], IN p_zone integer[], IN p_orig_zone integer[], IN p_reply_zone integer[], IN p_proto smallint[], IN p_orig_src inet[], IN p_orig_dst inet[], IN p_orig_sport integer[], IN p_orig_dport integer[], IN p_reply_src inet[], IN p_reply_dst inet[], IN p_reply_sport integer[], IN p_reply_dport integer[], IN p_orig_icmp_type smallint[], IN p_orig_icmp_code smallint[], IN p_reply_icmp_type smallint[], IN p_reply_icmp_code smallint[], IN p_orig_packets bigint[], IN p_orig_bytes bigint[], IN p_reply_packets bigint[], IN p_reply_bytes bigint[], IN p_ct_id bigint[], IN p_mark bigint[], IN p_status integer[], IN p_state smallint[], IN p_helper text[], IN p_labels bytea[]) TO ctaudit_recorder;
REVOKE ALL ON PROCEDURE ctaudit.record_note(IN p_node text, IN p_stream uuid, IN p_from bigint, IN p_until bigint, IN p_at timestamp with time zone, IN p_note text, IN p_detail jsonb) FROM PUBLIC;
GRANT ALL ON PROCEDURE ctaudit.record_note(IN p_node text, IN p_stream uuid, IN p_from bigint, IN p_until bigint, IN p_at timestamp with time zone, IN p_note text, IN p_detail jsonb) TO ctaudit_recorder;
REVOKE ALL ON FUNCTION ctaudit.resume_position(p_node text, p_stream uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION ctaudit.resume_position(p_node text, p_stream uuid) TO ctaudit_recorder;
REVOKE ALL ON FUNCTION ctaudit.schema_version() FROM PUBLIC;
GRANT ALL ON FUNCTION ctaudit.schema_version() TO ctaudit_recorder;
GRANT ALL ON FUNCTION ctaudit.schema_version() TO ctaudit_auditor;
REVOKE ALL ON FUNCTION ctaudit.status() FROM PUBLIC;
GRANT ALL ON FUNCTION ctaudit.status() TO ctaudit_auditor;
REVOKE ALL ON FUNCTION ctaudit.trim_before(p_kept timestamp with time zone) FROM PUBLIC;
REVOKE ALL ON FUNCTION ctaudit.who(p_address inet, p_port integer, p_from timestamp with time zone, p_until timestamp with time zone, p_remote inet, p_remote_port integer, p_proto smallint, p_node text) FROM PUBLIC;
GRANT ALL ON FUNCTION ctaudit.who(p_address inet, p_port integer, p_from timestamp with time zone, p_until timestamp with time zone, p_remote inet, p_remote_port integer, p_proto smallint, p_node text) TO ctaudit_auditor;
