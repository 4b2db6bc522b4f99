-- Function: ctaudit.end_dump
-- Completes the dump that is running, closes the node's open gaps and begins coverage where
-- there is none. Its entries are reconciled later, by ctaudit.reconcile.
-- Parameters: p_stream_row   the stream; p_at   when the dump ended; p_detail   its note's detail
-- Returns: nothing
-- Tables touched: dump, gap, stream, coverage
CREATE OR REPLACE FUNCTION ctaudit.end_dump(
    p_stream_row ctaudit.stream,
    p_at timestamptz,
    p_detail jsonb
)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    IF p_stream_row.dump_id IS NULL THEN
        RETURN;
    END IF;
    UPDATE ctaudit.dump AS d SET
        ended_at = greatest(p_at, d.began_at), entries = (p_detail ->> 'entries')::bigint
    WHERE d.dump_id = p_stream_row.dump_id;
    UPDATE ctaudit.stream AS s SET dump_id = NULL, pending_dump_id = p_stream_row.dump_id
    WHERE s.node = p_stream_row.node AND s.stream = p_stream_row.stream;
    UPDATE ctaudit.gap AS g SET gap_until = greatest(p_at, g.gap_from)
    WHERE g.node = p_stream_row.node AND g.gap_until IS NULL;
    IF NOT EXISTS (
        SELECT FROM ctaudit.coverage AS c
        WHERE c.node = p_stream_row.node AND c.stream = p_stream_row.stream
            AND c.covered_from = p_stream_row.covered_from
            AND (c.openings OR p_stream_row.mode = 'history')
    ) THEN
        PERFORM ctaudit.begin_coverage(
            p_stream_row.node, p_stream_row.stream, p_at, p_stream_row.mode <> 'history', p_stream_row.mode <> 'nat'
        );
    END IF;
END
$function$;
