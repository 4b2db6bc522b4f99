-- Function: ctaudit.trim_before
-- Deletes what describes rows that retention does not keep any more, and shortens the coverage. What
-- describes held time stays. Of a node the last stream stays, with what is not over.
-- Parameters: p_retention_days   days to keep
-- Returns: one row per table: its name and how many rows were deleted
-- Errors: 55P03 a lock was not granted within two seconds; call again
-- Tables touched: coverage, stream, dump, note, undecodable, clock, clock_doubt, late_read, scope,
--   gap, pair_proof, traffic_sum, summed_day, live_copy; hold, and those of ctaudit.held (read)
CREATE OR REPLACE FUNCTION ctaudit.trim_before(p_retention_days integer)
RETURNS TABLE (object text, rows bigint)
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '2s'
SET TimeZone = 'UTC'
AS $function$
DECLARE
    v_horizon timestamptz := ctaudit.horizon(p_retention_days);
    v_kept tstzmultirange;
BEGIN
    LOCK TABLE ctaudit.hold IN SHARE MODE;
    v_kept := ctaudit.held() + tstzmultirange(tstzrange(v_horizon, NULL));

    object := 'coverage';
    rows := ctaudit.trim_coverage(v_kept);
    RETURN NEXT;

    object := 'dump';
    DELETE FROM ctaudit.dump AS d
    WHERE NOT tstzrange(d.began_at, greatest(d.ended_at, d.began_at), '[]') && v_kept
        AND NOT EXISTS (
            SELECT FROM ctaudit.stream AS s
            WHERE s.node = d.node AND d.dump_id IN (s.dump_id, s.pending_dump_id)
        );
    GET DIAGNOSTICS rows = ROW_COUNT;
    RETURN NEXT;

    object := 'note';
    DELETE FROM ctaudit.note AS n WHERE NOT n.at <@ v_kept;
    GET DIAGNOSTICS rows = ROW_COUNT;
    RETURN NEXT;

    object := 'undecodable';
    DELETE FROM ctaudit.undecodable AS u WHERE NOT u.at <@ v_kept;
    GET DIAGNOSTICS rows = ROW_COUNT;
    RETURN NEXT;

    object := 'clock';
    DELETE FROM ctaudit.clock AS k WHERE NOT k.at <@ v_kept;
    GET DIAGNOSTICS rows = ROW_COUNT;
    RETURN NEXT;

    -- A scope holds until the next one is noted.
    object := 'scope';
    DELETE FROM ctaudit.scope AS s
    USING (
        SELECT k.scope_id, lead(k.noted_at) OVER (PARTITION BY k.node ORDER BY k.scope_id) AS at
        FROM ctaudit.scope AS k
    ) AS next
    WHERE next.scope_id = s.scope_id AND next.at IS NOT NULL
        AND NOT tstzrange(
            least(s.valid_from, next.at), greatest(s.noted_at, next.at), '[]'
        ) && v_kept;
    GET DIAGNOSTICS rows = ROW_COUNT;
    RETURN NEXT;

    object := 'clock_doubt';
    DELETE FROM ctaudit.clock_doubt AS k
    WHERE NOT tstzrange(k.doubt_from, k.doubt_until, '[]') && v_kept;
    GET DIAGNOSTICS rows = ROW_COUNT;
    RETURN NEXT;

    object := 'late_read';
    DELETE FROM ctaudit.late_read AS r
    WHERE NOT tstzrange(least(r.sent_from, r.read_at), r.read_at, '[]') && v_kept;
    GET DIAGNOSTICS rows = ROW_COUNT;
    RETURN NEXT;

    object := 'gap';
    DELETE FROM ctaudit.gap AS g
    WHERE NOT tstzrange(g.gap_from, coalesce(g.gap_until, 'infinity'), '[]') && v_kept;
    GET DIAGNOSTICS rows = ROW_COUNT;
    RETURN NEXT;

    -- Until its pair or the silent gateway itself recorded anew.
    object := 'pair_proof';
    DELETE FROM ctaudit.pair_proof AS p
    WHERE NOT tstzrange(p.proved_from, greatest(p.proved_from, coalesce(least(p.proved_until, (
        SELECT min(s.started_at) FROM ctaudit.stream AS s
        WHERE s.node = p.node AND s.started_at > p.silent_since
    )), 'infinity')), '[]') && v_kept;
    GET DIAGNOSTICS rows = ROW_COUNT;
    RETURN NEXT;

    object := 'traffic_sum';
    DELETE FROM ctaudit.traffic_sum AS t WHERE NOT t.sum_from <@ v_kept;
    GET DIAGNOSTICS rows = ROW_COUNT;
    RETURN NEXT;

    object := 'summed_day';
    DELETE FROM ctaudit.summed_day AS d WHERE NOT d.day::timestamptz <@ v_kept;
    GET DIAGNOSTICS rows = ROW_COUNT;
    RETURN NEXT;

    -- One that was not brought further: the recorder's switch is off, or the gateway is gone.
    object := 'live_copy';
    DELETE FROM ctaudit.live_copy AS c WHERE c.copied_until < v_horizon;
    GET DIAGNOSTICS rows = ROW_COUNT;
    RETURN NEXT;

    object := 'stream';
    DELETE FROM ctaudit.stream AS s
    WHERE s.stopped_at IS NOT NULL AND s.committed_at < v_horizon
        AND NOT tstzrange(
            least(s.started_at, s.stopped_at, s.covered_until),
            greatest(s.started_at, s.stopped_at, s.covered_until), '[]'
        ) && v_kept
        AND EXISTS (
            SELECT FROM ctaudit.stream AS later
            WHERE later.node = s.node AND later.committed_at > s.committed_at
        )
        AND NOT EXISTS (
            SELECT FROM ctaudit.gap AS g WHERE g.node = s.node AND g.stream = s.stream
        )
        AND NOT EXISTS (
            SELECT FROM ctaudit.dump AS d WHERE d.node = s.node AND d.stream = s.stream
        )
        AND NOT EXISTS (
            SELECT FROM ctaudit.coverage AS c WHERE c.node = s.node AND c.stream = s.stream
        );
    GET DIAGNOSTICS rows = ROW_COUNT;
    RETURN NEXT;
END
$function$;
