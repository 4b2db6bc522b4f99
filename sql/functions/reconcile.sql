-- Function: ctaudit.reconcile
-- Compares the ended dump of a stream with the connections recorded as open. It does so once
-- all that the kernel sent before the end of the dump is recorded: until then a NEW or DESTROY
-- may still follow, and the same opening or end would be recorded twice.
--   In the dump, but no opening is recorded (live, nat): inserts an opening of provenance
--   'dump'.
--   Recorded as open before the dump began, but not in the dump (live): inserts a flow of
--   provenance 'unobserved', whose end lies between two times, without counters. This is done
--   only where a gap may hide the DESTROY. Without a gap the DESTROY is still to come: the
--   kernel leaves an expired entry out of a dump at once, and sends its DESTROY up to a minute
--   later.
-- Parameters: p_node, p_stream   whose dump; the caller holds the lock on the row of the stream
-- Returns: nothing. What dumps prove that the kernel did not announce makes a gap and a warning
--          (CT004), which the recorder writes to the journal
-- Tables touched: stream, dump, opening, flow, gap; dump_entry, node, node_change (read)
CREATE OR REPLACE FUNCTION ctaudit.reconcile(p_node text, p_stream uuid)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET enable_nestloop = off
SET jit = off
AS $function$
DECLARE
    v_stream ctaudit.stream;
    v_dump ctaudit.dump;
    v_earlier ctaudit.dump;
    v_gone ctaudit.dump;
    v_unannounced bigint;
    v_untold bigint;
    v_pair text;
    v_seen_at timestamptz;
BEGIN
    SELECT * INTO STRICT v_stream FROM ctaudit.stream AS s
    WHERE s.node = p_node AND s.stream = p_stream;
    SELECT * INTO v_dump FROM ctaudit.dump AS d WHERE d.dump_id = v_stream.pending_dump_id;
    IF NOT FOUND OR v_stream.covered_until < v_dump.ended_at THEN
        RETURN;
    END IF;
    SELECT * INTO v_earlier FROM ctaudit.dump AS d
    WHERE d.dump_id = ctaudit.last_dump(p_node, v_dump.began_at, true);

    IF v_stream.mode IN ('live', 'nat') THEN
        v_pair := ctaudit.declared_pair(v_stream);
        WITH added AS (
        INSERT INTO ctaudit.opening_row (
            received_at, started_at, started_source, provenance, ct_id, mark, zones, orig_sport,
            orig_dport, reply_sport, reply_dport, status, node_id, proto, state, orig_src,
            orig_dst, reply_src, reply_dst, helper, labels
        )
        SELECT DISTINCT ON (
            e.zones, e.proto, e.orig_src, e.orig_dst, e.orig_sport, e.orig_dport, e.ct_id,
            e.started_at
        )
            e.received_at, coalesce(e.started_at, e.received_at),
            CASE WHEN e.started_at IS NULL THEN 'd'::"char" ELSE 'k' END, 'd', e.ct_id, e.mark,
            e.zones, e.orig_sport, e.orig_dport, e.reply_sport, e.reply_dport, e.status,
            e.node_id, e.proto, e.state, e.orig_src, e.orig_dst, e.reply_src, e.reply_dst,
            e.helper, e.labels
        FROM ctaudit.dump_entry_row AS e
        WHERE e.dump_id = v_dump.dump_id AND e.node_id = v_stream.node_id
            AND e.received_at >= v_dump.began_at - interval '2 hours'
            AND e.received_at <= v_dump.ended_at + interval '2 hours'
            AND NOT EXISTS (
                SELECT FROM ctaudit.alive(p_node, v_earlier.dump_id) AS a
                WHERE ctaudit.same_tuple(
                        ctaudit.zone_pair(a.zone, a.orig_zone, a.reply_zone), a.proto, a.orig_src,
                        a.orig_dst, coalesce(a.orig_sport, -1),
                        ctaudit.coded_port(a.orig_dport, a.orig_icmp_type, a.orig_icmp_code),
                        coalesce(a.ct_id, -1),
                        e.zones, e.proto, e.orig_src, e.orig_dst, e.orig_sport, e.orig_dport,
                        e.ct_id
                    )
                    AND ctaudit.closes(
                        a.last_seen_at, a.started_at, a.started_source, a.started_after,
                        e.received_at, e.started_at
                    )
            )
            AND NOT EXISTS (
                SELECT FROM ctaudit.flow_row AS f
                WHERE f.node_id = v_stream.node_id AND f.received_at >= v_dump.began_at
                    AND ctaudit.same_tuple(
                        f.zones, f.proto, f.orig_src, f.orig_dst, f.orig_sport, f.orig_dport,
                        f.ct_id,
                        e.zones, e.proto, e.orig_src, e.orig_dst, e.orig_sport, e.orig_dport,
                        e.ct_id
                    )
                    AND ctaudit.closes(
                        v_dump.began_at, e.started_at, 'kernel', NULL,
                        f.received_at, f.started_at
                    )
            )
        ORDER BY
            e.zones, e.proto, e.orig_src, e.orig_dst, e.orig_sport, e.orig_dport, e.ct_id,
            e.started_at, e.received_at
        RETURNING
            started_at, started_source, proto, status, orig_src, orig_dst, orig_sport, orig_dport,
            reply_dst, reply_dport
        )
        SELECT count(*) INTO v_unannounced FROM added AS a
        WHERE a.started_source = 'k' AND a.started_at >= v_stream.started_at + interval '1 s'
            -- IPS_NAT_CLASH: the note of the clash may come after the dump.
            AND coalesce(a.status & 4096, 0) = 0
            AND NOT EXISTS (
                SELECT FROM ctaudit.gap AS g
                WHERE g.node = p_node AND g.hides_openings AND g.gap_from - interval '2 s' <= a.started_at
                    AND (g.proto IS NULL OR g.proto = a.proto)
                    AND coalesce(g.sound_from, 'infinity') >= a.started_at
            )
            -- What the other of a pair has recorded may have been injected without a NEW.
            AND NOT ctaudit.opened_on(
                v_pair, a.proto, a.orig_src, a.orig_dst, a.orig_sport, a.orig_dport, a.reply_dst,
                a.reply_dport
            );
        IF v_unannounced > 0 THEN
            PERFORM ctaudit.open_gap(
                p_node, p_stream, v_stream.mode,
                coalesce(v_earlier.ended_at, v_stream.started_at), NULL, 'not announced',
                v_unannounced, jsonb_build_object('dump_id', v_dump.dump_id)
            );
            RAISE WARNING 'gateway %: a table dump shows % connections whose opening the kernel '
                'did not announce; since %', p_node, v_unannounced,
                coalesce(v_earlier.ended_at, v_stream.started_at) USING ERRCODE = 'CT004';
        END IF;
    END IF;

    IF v_stream.mode = 'live' AND EXISTS (
        SELECT FROM ctaudit.gap AS g
        WHERE g.node = p_node AND g.hides_ends AND g.proto IS NULL
            AND g.gap_from <= v_dump.ended_at
            AND (g.gap_until IS NULL OR v_earlier.dump_id IS NULL
                OR g.gap_until > v_earlier.ended_at)
            -- Openings that this dump has proved missing are no sign that ends were lost.
            AND g.detail ->> 'dump_id' IS DISTINCT FROM v_dump.dump_id::text
    ) THEN
        PERFORM ctaudit.insert_unobserved(p_node, v_earlier.dump_id, v_dump, v_dump);
    END IF;
    -- Two minutes ago is the latest dump before which what it lacks has been deleted by now.
    SELECT * INTO v_gone FROM ctaudit.dump AS d WHERE d.dump_id = ctaudit.last_dump(
        p_node, least(v_earlier.ended_at, v_dump.began_at - interval '2 min'), true
    );
    IF v_stream.mode = 'live' AND (v_gone.ended_at > v_earlier.began_at - interval '2 min') THEN
        SELECT u.number, u.last_seen_at INTO v_untold, v_seen_at
        FROM ctaudit.insert_unobserved(
            p_node, ctaudit.last_dump(
                p_node, least(v_gone.began_at, v_earlier.began_at - interval '2 min'), true
            ), v_gone, v_dump
        ) AS u;
        -- A DESTROY that was lost within a minute of the dump is none that was never sent.
        IF v_untold > 0 AND NOT EXISTS (
            SELECT FROM ctaudit.gap AS g
            WHERE g.node = p_node AND g.hides_ends
                AND g.gap_from <= v_gone.ended_at + interval '1 min'
                AND coalesce(g.sound_from, 'infinity') >= v_gone.began_at
                AND g.detail ->> 'dump_id' IS DISTINCT FROM v_dump.dump_id::text
        ) THEN
            PERFORM ctaudit.open_gap(
                p_node, p_stream, v_stream.mode, v_seen_at, NULL, 'end not announced', v_untold,
                jsonb_build_object('dump_id', v_dump.dump_id)
            );
            RAISE WARNING 'gateway %: two table dumps do not show % connections whose end the '
                'kernel did not announce; since %', p_node, v_untold, v_seen_at
                USING ERRCODE = 'CT004';
        END IF;
    END IF;

    UPDATE ctaudit.dump AS d SET reconciled_at = clock_timestamp()
    WHERE d.dump_id = v_dump.dump_id;
    UPDATE ctaudit.stream AS s SET pending_dump_id = NULL
    WHERE s.node = p_node AND s.stream = p_stream;
END
$function$;
