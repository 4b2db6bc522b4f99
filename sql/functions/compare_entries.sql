-- Function: ctaudit.compare_entries
-- Compares a portion of a dump's entries, once all that was sent before the dump's end is recorded.
-- Of those that ctaudit.match_entries leaves, one that no opening and no earlier dump shows as open,
-- and that has not ended since this dump began, gets an opening of provenance 'dump'.
-- Parameters:
--   p_stream    the row of the stream
--   p_dump      the dump
--   p_earlier   the dump_id of the one before it that was reconciled, or NULL
--   p_rows      how many to take; fewer where these take longer than a fifth of a second
-- Returns: how many there were; p_rows: there may be more
-- Tables touched: unmatched_entry, opening_row, dump, live_copy, live_place; dump_entry_row, flow_row,
--   gap, stream, clock_doubt, node, node_change (read)
CREATE OR REPLACE FUNCTION ctaudit.compare_entries(
    p_stream ctaudit.stream,
    p_dump ctaudit.dump,
    p_earlier bigint,
    p_rows bigint
)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET enable_bitmapscan = off
SET jit = off
AS $function$
DECLARE
    v_since record;
    v_done bigint := ctaudit.match_entries(p_stream, p_dump, p_earlier, p_rows);
    v_began_at CONSTANT timestamptz := clock_timestamp();
    v_portion bigint;
    v_taken bigint;
    v_unannounced bigint;
BEGIN
    IF v_done >= p_rows
        OR NOT EXISTS (SELECT FROM ctaudit.unmatched_entry AS u WHERE u.dump_id = p_dump.dump_id)
    THEN
        RETURN least(v_done, p_rows);
    END IF;
    v_since := ctaudit.recorded_since(p_stream.node, p_earlier, p_stream.covered_until);
    v_portion := 250;
    LOOP
        v_portion := least(v_portion, p_rows - v_done);
        EXECUTE $query$
            WITH taken AS (
                DELETE FROM ctaudit.unmatched_entry AS u
                WHERE u.dump_id = $7 AND u.unmatched_id IN (
                    SELECT m.unmatched_id FROM ctaudit.unmatched_entry AS m
                    WHERE m.dump_id = $7 ORDER BY m.unmatched_id LIMIT $9
                )
                RETURNING u.*
            ),
            added AS (
                INSERT INTO ctaudit.opening_row (
                    received_at, started_at, started_source, provenance, ct_id, mark, zones,
                    orig_sport, orig_dport, reply_sport, reply_dport, status, node_id, proto, state,
                    orig_src, orig_dst, reply_src, reply_dst, helper, labels
                )
                SELECT DISTINCT ON (
                    e.zones, e.proto, e.orig_src, e.orig_dst, e.orig_sport, e.orig_dport, e.ct_id,
                    e.started_at
                )
                    e.received_at, coalesce(e.started_at, e.received_at),
                    CASE WHEN e.started_at IS NULL THEN 'd'::"char" ELSE 'k' END, 'd', e.ct_id,
                    e.mark, e.zones, e.orig_sport, e.orig_dport, e.reply_sport, e.reply_dport,
                    e.status, e.node_id, e.proto, e.state, e.orig_src, e.orig_dst, e.reply_src,
                    e.reply_dst, e.helper, e.labels
                FROM taken AS e, LATERAL (SELECT $query$ || ctaudit.sightings_query('e', '$3') || $query$
                    OFFSET 0
                ) AS known (sightings)
                WHERE (known.sightings IS NULL OR NOT EXISTS (
                    SELECT FROM ctaudit.lives(known.sightings) AS l
                    WHERE l.gone_at IS NULL AND ctaudit.is_one(
                        NULL, l.started_at, l.start_from, l.start_until, l.alive_at,
                        NULL, e.started_at, ctaudit.start_from(e.started_at, 'kernel', NULL),
                        ctaudit.start_until(e.started_at, 'kernel', e.received_at), e.received_at
                    )
                ))
                AND NOT EXISTS (
                    SELECT FROM unnest(known.sightings) AS f
                    WHERE f.kind IN ('end', 'unobserved') AND f.received_at >= $8
                        AND ctaudit.closes(
                            $8, e.started_at, 'kernel', NULL, f.received_at, f.started_at
                        )
                )
                ORDER BY
                    e.zones, e.proto, e.orig_src, e.orig_dst, e.orig_sport, e.orig_dport, e.ct_id,
                    e.started_at, e.received_at
                RETURNING
                    started_at, started_source, proto, status, orig_src, orig_dst, orig_sport,
                    orig_dport, reply_dst, reply_dport
            )
            SELECT
                (SELECT count(*) FROM taken),
                (SELECT count(*) FROM added AS a
                WHERE a.started_source = 'k' AND a.started_at >= $10
                    -- IPS_NAT_CLASH: the note of the clash may come after the dump.
                    AND coalesce(a.status & 4096, 0) = 0
                    AND NOT EXISTS (
                        SELECT FROM ctaudit.gap AS g
                        WHERE g.node = $11 AND g.hides_openings
                            AND g.gap_from - interval '2 s' <= a.started_at
                            AND (g.proto IS NULL OR g.proto = a.proto)
                            AND coalesce(g.sound_from, 'infinity') >= a.started_at
                    )
                    -- What the other of a pair has recorded may have been injected without a NEW.
                    AND NOT ctaudit.opened_on(
                        $12, a.proto, a.orig_src, a.orig_dst, a.orig_sport, a.orig_dport, a.reply_dst,
                        a.reply_dport
                    ))
        $query$ INTO v_taken, v_unannounced
        USING p_stream.node_id, p_earlier, v_since.began_at, v_since.entries_from,
            v_since.entries_until, v_since.received_until, p_dump.dump_id, p_dump.began_at, v_portion,
            p_stream.started_at + interval '1 s', p_stream.node,
            ctaudit.declared_pair(p_stream);
        IF v_unannounced > 0 THEN
            UPDATE ctaudit.dump AS d SET unannounced = d.unannounced + v_unannounced
            WHERE d.dump_id = p_dump.dump_id;
        END IF;
        v_done := v_done + v_taken;
        EXIT WHEN v_taken < v_portion OR v_done = p_rows;
        IF clock_timestamp() > v_began_at + interval '0.2 s' THEN
            RETURN p_rows;
        END IF;
        v_portion := 4 * v_portion;
    END LOOP;
    RETURN v_done;
END
$function$;
