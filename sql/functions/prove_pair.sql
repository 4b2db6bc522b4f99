-- Function: ctaudit.prove_pair
-- Whether the dump that a stream has just completed shows the connections of the gateway's
-- declared pair, which records nothing any more. Both must name each other. It is proved
--   for all protocols, if of each one that the pair had open when its record ended, the dump
--   shows a connection, or this gateway has recorded since that one ended;
--   for those of which it does, where the dump shows any.
-- A dump of nothing proves nothing, whatever the pair had open: it may go on unrecorded. In nat
-- mode it is not known what was open.
-- Parameters: p_stream   its row, as it was before the dump ended
-- Returns: nothing
-- Tables touched: pair_proof; stream, coverage, dump, dump_entry_row, flow_row, and those of
--   ctaudit.alive (read)
CREATE OR REPLACE FUNCTION ctaudit.prove_pair(p_stream ctaudit.stream)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $function$
DECLARE
    v_dump ctaudit.dump;
    v_silent text := ctaudit.declared_pair(p_stream);
    v_since timestamptz;
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

    WITH was_open AS MATERIALIZED (
        SELECT
            a.proto, a.orig_src, a.orig_dst, coalesce(a.orig_sport, -1) AS orig_sport,
            ctaudit.coded_port(a.orig_dport, a.orig_icmp_type, a.orig_icmp_code) AS orig_dport,
            a.reply_src, a.reply_dst,
            ctaudit.coded_port(a.reply_sport, a.reply_icmp_type, a.reply_icmp_code) AS reply_sport,
            coalesce(a.reply_dport, -1) AS reply_dport
        FROM ctaudit.alive(v_silent, ctaudit.last_dump(v_silent, v_since)) AS a
    ),
    shown AS MATERIALIZED (
        SELECT DISTINCT e.proto
        FROM ctaudit.dump_entry_row AS e
        JOIN was_open AS o USING (
            proto, orig_src, orig_dst, orig_sport, orig_dport, reply_src, reply_dst, reply_sport,
            reply_dport
        )
        WHERE e.dump_id = v_dump.dump_id AND e.node_id = p_stream.node_id
            AND e.received_at >= v_dump.began_at - interval '2 hours'
            AND e.received_at <= v_dump.ended_at + interval '2 hours'
    ),
    judged AS (
        SELECT p.proto, p.proto IN (SELECT s.proto FROM shown AS s) OR EXISTS (
            SELECT FROM was_open AS o
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
