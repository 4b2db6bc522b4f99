-- Function: ctaudit.prove_pair
-- Whether the dump that a stream has just completed shows the connections of the gateway's
-- declared pair, which records nothing any more. Both must name each other. It is proved
--   for all protocols, if of each one that the pair had open when its record ended, the dump
--   shows a connection, or this gateway has recorded since that one ended;
--   for those of which it does, where the dump shows any.
-- A dump of nothing proves nothing, whatever the pair had open: it may go on unrecorded. In nat
-- mode it is not known what was open.
-- What was open is looked for among what began since the pair's last dump, a million events back at
-- most, and among the 2,000 oldest entries of each protocol in that dump; of what ended here, the
-- 2,000 latest of each protocol are. It takes one of each to prove it, and no CALL may take longer
-- with a larger record.
-- Parameters: p_stream   its row, as it was before the dump ended
-- Returns: nothing
-- Tables touched: pair_proof; node, node_change, stream, coverage, dump, opening_row,
--   dump_entry_row, flow_row (read)
CREATE OR REPLACE FUNCTION ctaudit.prove_pair(p_stream ctaudit.stream)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $function$
DECLARE
    v_dump ctaudit.dump;
    v_silent text := ctaudit.declared_pair(p_stream);
    v_silent_id smallint := (SELECT n.node_id FROM ctaudit.node AS n WHERE n.node = v_silent);
    v_since timestamptz;
    v_last ctaudit.dump;
    v_read_from timestamptz;
    -- When the entries of the two dumps were received. Computed before the query: only by plain
    -- times does the planner leave out partitions.
    v_stood_from timestamptz;
    v_stood_until timestamptz;
    v_shown_from timestamptz;
    v_shown_until timestamptz;
    v_proved record;
BEGIN
    IF p_stream.dump_id IS NULL OR v_silent IS NULL THEN
        RETURN;
    END IF;
    SELECT d.* INTO STRICT v_dump FROM ctaudit.dump AS d WHERE d.dump_id = p_stream.dump_id;
    SELECT CASE WHEN s.mode <> 'nat' THEN c.covered_until END INTO v_since
    FROM ctaudit.coverage AS c JOIN ctaudit.stream AS s USING (node, stream)
    WHERE c.node = v_silent ORDER BY c.covered_until DESC LIMIT 1;
    -- By so much the clocks of two gateways may differ.
    IF v_since IS NULL OR v_dump.began_at <= v_since + interval '1 s' OR EXISTS (
        SELECT FROM ctaudit.pair_proof AS p
        WHERE p.node = v_silent AND p.pair = p_stream.node AND p.silent_since = v_since
            AND p.proved_until IS NULL AND p.protocols IS NULL
    ) THEN
        RETURN;
    END IF;

    SELECT d.* INTO v_last FROM ctaudit.dump AS d
    WHERE d.dump_id = ctaudit.last_dump(v_silent, v_since);
    SELECT greatest(
        v_last.began_at, v_since - (v_since - min(s.started_at))
            * least(1, 1000000 / greatest(sum(s.received), 1)::double precision)
    ) INTO v_read_from
    FROM ctaudit.stream AS s WHERE s.node = v_silent;
    v_stood_from := v_last.began_at - interval '2 hours';
    v_stood_until := v_last.ended_at + interval '2 hours';
    v_shown_from := v_dump.began_at - interval '2 hours';
    v_shown_until := v_dump.ended_at + interval '2 hours';

    WITH began AS (
        SELECT o.* FROM ctaudit.opening_row AS o
        WHERE o.node_id = v_silent_id AND o.received_at >= v_read_from
    ),
    stood AS (
        SELECT s.* FROM (
            SELECT e.*, row_number() OVER (PARTITION BY e.proto ORDER BY e.started_at) AS place
            FROM ctaudit.dump_entry_row AS e
            WHERE e.dump_id = v_last.dump_id AND e.node_id = v_silent_id
                AND e.received_at BETWEEN v_stood_from AND v_stood_until
        ) AS s WHERE s.place <= 2000
    ),
    was_open AS MATERIALIZED (
        SELECT
            b.received_at, b.proto, b.orig_src, b.orig_dst, b.orig_sport, b.orig_dport, b.reply_src,
            b.reply_dst, b.reply_sport, b.reply_dport
        FROM began AS b
        WHERE NOT EXISTS (
            SELECT FROM ctaudit.flow_row AS f
            WHERE f.node_id = v_silent_id AND f.received_at >= v_read_from
                AND f.received_at >= b.received_at
                AND ctaudit.same_tuple(
                    f.zones, f.proto, f.orig_src, f.orig_dst, f.orig_sport, f.orig_dport, f.ct_id,
                    b.zones, b.proto, b.orig_src, b.orig_dst, b.orig_sport, b.orig_dport, b.ct_id
                )
        )
        UNION ALL
        SELECT
            s.received_at, s.proto, s.orig_src, s.orig_dst, s.orig_sport, s.orig_dport, s.reply_src,
            s.reply_dst, s.reply_sport, s.reply_dport
        FROM stood AS s
        LEFT JOIN LATERAL (
            SELECT true AS is_known FROM ctaudit.flow_row AS f
            WHERE f.node_id = v_silent_id AND f.received_at >= v_last.began_at
                AND f.reply_dport = s.reply_dport AND f.reply_dst = s.reply_dst
                AND ctaudit.same_tuple(
                    f.zones, f.proto, f.orig_src, f.orig_dst, f.orig_sport, f.orig_dport, f.ct_id,
                    s.zones, s.proto, s.orig_src, s.orig_dst, s.orig_sport, s.orig_dport, s.ct_id
                )
            LIMIT 1
        ) AS its_end ON true
        WHERE its_end.is_known IS NULL
    ),
    latest AS MATERIALIZED (
        SELECT l.* FROM (
            SELECT o.*, row_number() OVER (PARTITION BY o.proto ORDER BY o.received_at DESC) AS place
            FROM was_open AS o
        ) AS l WHERE l.place <= 2000
    ),
    shown AS MATERIALIZED (
        SELECT DISTINCT e.proto
        FROM ctaudit.dump_entry_row AS e
        JOIN was_open AS o USING (
            proto, orig_src, orig_dst, orig_sport, orig_dport, reply_src, reply_dst, reply_sport,
            reply_dport
        )
        WHERE e.dump_id = v_dump.dump_id AND e.node_id = p_stream.node_id
            AND e.received_at BETWEEN v_shown_from AND v_shown_until
    ),
    judged AS (
        SELECT p.proto, p.proto IN (SELECT s.proto FROM shown AS s) OR EXISTS (
            SELECT FROM latest AS o
            CROSS JOIN LATERAL (
                -- The limit makes it a look-up in the index for each.
                SELECT FROM ctaudit.flow_row AS f
                WHERE f.node_id = p_stream.node_id AND f.received_at > v_since
                    AND f.reply_dport = o.reply_dport AND f.reply_dst = o.reply_dst
                    AND f.reply_sport = o.reply_sport AND f.reply_src = o.reply_src
                    AND f.orig_dport = o.orig_dport AND f.orig_dst = o.orig_dst
                    AND f.orig_sport = o.orig_sport AND f.orig_src = o.orig_src
                    AND f.proto = o.proto
                LIMIT 1
            ) AS ended
            WHERE o.proto = p.proto
        ) AS is_seen
        FROM (SELECT DISTINCT o.proto FROM was_open AS o) AS p
    )
    SELECT
        EXISTS (SELECT FROM shown) AS by_dump, bool_and(j.is_seen) AS of_all,
        array_agg(j.proto ORDER BY j.proto) FILTER (WHERE j.is_seen) AS protocols
    INTO v_proved FROM judged AS j;
    IF v_proved.by_dump AND NOT EXISTS (
        SELECT FROM ctaudit.pair_proof AS p
        WHERE p.node = v_silent AND p.pair = p_stream.node AND p.silent_since = v_since
            AND p.proved_until IS NULL AND p.protocols @> v_proved.protocols
            AND NOT v_proved.of_all
    ) THEN
        INSERT INTO ctaudit.pair_proof (
            node, pair, stream, silent_since, dump_began_at, proved_from, protocols
        ) VALUES (
            v_silent, p_stream.node, p_stream.stream, v_since, v_dump.began_at, v_dump.ended_at,
            CASE WHEN NOT v_proved.of_all THEN v_proved.protocols END
        );
    END IF;
END
$function$;
