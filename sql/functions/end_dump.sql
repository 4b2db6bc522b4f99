-- Function: ctaudit.end_dump
-- Completes the dump that is running, ends the open gaps of the node and begins coverage where
-- there is none. ctaudit.reconcile compares its entries later.
-- Parameters:
--   p_stream   the row of the stream
--   p_at       when the dump ended
--   p_detail   the detail of its note
-- Returns: nothing
-- Tables touched: dump, gap, stream, coverage
CREATE OR REPLACE FUNCTION ctaudit.end_dump(
    p_stream ctaudit.stream,
    p_at timestamptz,
    p_detail jsonb
)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    IF p_stream.dump_id IS NULL THEN
        RETURN;
    END IF;
    UPDATE ctaudit.dump AS d SET
        ended_at = greatest(p_at, d.began_at), entries = (p_detail ->> 'entries')::bigint
    WHERE d.dump_id = p_stream.dump_id;
    UPDATE ctaudit.stream AS s SET dump_id = NULL, pending_dump_id = p_stream.dump_id
    WHERE s.node = p_stream.node AND s.stream = p_stream.stream;
    -- What was lost after it began may be missing in it as well. While events are off, what comes
    -- after it is lost too.
    -- Where the clock went back before the stream, the gap reaches to where the coverage was.
    UPDATE ctaudit.gap AS g SET
        gap_until = greatest(p_at, g.gap_from, (g.detail ->> 'covered_until')::timestamptz),
        sound_from = greatest(
            d.began_at, g.gap_from, (g.detail ->> 'covered_until')::timestamptz
        )
    FROM ctaudit.dump AS d
    WHERE d.dump_id = p_stream.dump_id
        AND g.node = p_stream.node AND g.gap_until IS NULL AND g.gap_from <= d.began_at
        AND (g.cause <> 'nf_conntrack_events = 0'
            OR p_stream.detail ->> 'events' IS DISTINCT FROM '0')
        AND (g.cause <> 'two gateways with one name'
            OR (g.detail ->> 'sent_until')::timestamptz <= p_stream.started_at);
    IF NOT EXISTS (
        SELECT FROM ctaudit.coverage AS c
        WHERE c.node = p_stream.node AND c.stream = p_stream.stream
            AND c.covered_from = p_stream.covered_from
            AND (c.openings OR p_stream.mode = 'history')
    ) THEN
        -- What was covered before, ends alone, reaches to where all is covered: no time between.
        UPDATE ctaudit.coverage AS c SET covered_until = p_at
        WHERE c.node = p_stream.node AND c.stream = p_stream.stream
            AND c.covered_from = p_stream.covered_from AND c.covered_until < p_at;
        PERFORM ctaudit.begin_coverage(
            p_stream.node, p_stream.stream, p_at,
            p_stream.mode <> 'history', p_stream.mode <> 'nat'
        );
    END IF;
END
$function$;
