-- Function: ctaudit.trim_before
-- Deletes what describes rows that retention has dropped, and shortens the coverage.
-- Parameters: p_kept   rows received before this time were dropped
-- Returns: one row per table: its name and how many rows were deleted
-- Tables touched: coverage, stream, dump, note, undecodable, clock, scope
CREATE OR REPLACE FUNCTION ctaudit.trim_before(p_kept timestamptz)
RETURNS TABLE (object text, rows bigint)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    object := 'coverage';
    -- The record procedures lock the row of the stream first, then its coverage; so does this.
    UPDATE ctaudit.stream AS s
    SET covered_from = CASE WHEN c.covered_until >= p_kept THEN p_kept END
    FROM ctaudit.coverage AS c
    WHERE s.covered_from < p_kept
        AND c.node = s.node AND c.stream = s.stream AND c.covered_from = s.covered_from;
    DELETE FROM ctaudit.coverage AS c WHERE c.covered_until < p_kept;
    GET DIAGNOSTICS rows = ROW_COUNT;
    RETURN NEXT;
    UPDATE ctaudit.coverage AS c SET covered_from = p_kept WHERE c.covered_from < p_kept;

    object := 'dump';
    DELETE FROM ctaudit.dump AS d
    WHERE coalesce(d.ended_at, d.began_at) < p_kept AND NOT EXISTS (
        SELECT FROM ctaudit.stream AS s
        WHERE s.node = d.node AND d.dump_id IN (s.dump_id, s.pending_dump_id)
    );
    GET DIAGNOSTICS rows = ROW_COUNT;
    RETURN NEXT;

    object := 'note';
    DELETE FROM ctaudit.note AS n WHERE n.at < p_kept;
    GET DIAGNOSTICS rows = ROW_COUNT;
    RETURN NEXT;

    object := 'undecodable';
    DELETE FROM ctaudit.undecodable AS u WHERE u.at < p_kept;
    GET DIAGNOSTICS rows = ROW_COUNT;
    RETURN NEXT;

    object := 'clock';
    DELETE FROM ctaudit.clock AS k WHERE k.at < p_kept;
    GET DIAGNOSTICS rows = ROW_COUNT;
    RETURN NEXT;

    -- The one that held at p_kept stays.
    object := 'scope';
    DELETE FROM ctaudit.scope AS s WHERE s.noted_at < p_kept AND EXISTS (
        SELECT FROM ctaudit.scope AS later
        WHERE later.node = s.node AND later.scope_id > s.scope_id AND later.noted_at < p_kept
    );
    GET DIAGNOSTICS rows = ROW_COUNT;
    RETURN NEXT;

    object := 'clock_doubt';
    DELETE FROM ctaudit.clock_doubt AS k WHERE k.doubt_until < p_kept;
    GET DIAGNOSTICS rows = ROW_COUNT;
    RETURN NEXT;

    object := 'late_read';
    DELETE FROM ctaudit.late_read AS r WHERE r.read_at < p_kept;
    GET DIAGNOSTICS rows = ROW_COUNT;
    RETURN NEXT;
END
$function$;
