-- Function: ctaudit.end_dump
-- Completes the dump that is running, closes the node's open gaps and begins coverage where
-- there is none. Its entries are reconciled later, by ctaudit.reconcile.
-- Parameters: p_batch   the stream; p_at   when the dump ended; p_detail   its note's detail
-- Returns: nothing
-- Tables touched: dump, gap, batch, coverage
CREATE OR REPLACE FUNCTION ctaudit.end_dump(
    p_batch ctaudit.batch,
    p_at timestamptz,
    p_detail jsonb
)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
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
$function$;
