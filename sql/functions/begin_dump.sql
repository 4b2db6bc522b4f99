-- Function: ctaudit.begin_dump
-- Begins a dump of a stream. What is left of the node's dumps that will not be reconciled any more
-- is deleted: of one that was abandoned, or overtaken by the next.
-- Parameters: as of ctaudit.record_note
-- Returns: nothing
-- Tables touched: dump, stream, unmatched_entry, unended_row, search
CREATE OR REPLACE FUNCTION ctaudit.begin_dump(
    p_node text,
    p_stream uuid,
    p_from bigint,
    p_at timestamptz,
    p_detail jsonb
)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_dump_id bigint;
    v_left bigint;
BEGIN
    INSERT INTO ctaudit.dump (node, stream, position, began_at, cause)
    VALUES (p_node, p_stream, p_from, p_at, p_detail ->> 'cause')
    RETURNING dump_id INTO v_dump_id;
    UPDATE ctaudit.stream AS s SET dump_id = v_dump_id
    WHERE s.node = p_node AND s.stream = p_stream;
    -- Nothing comes of a stream that another has followed, so nothing goes on comparing its dump: a
    -- day would wait for that for ever (ctaudit.is_settled).
    UPDATE ctaudit.stream AS s SET pending_dump_id = NULL
    WHERE s.node = p_node AND s.stream <> p_stream AND s.pending_dump_id IS NOT NULL
        AND s.stopped_at IS NOT NULL AND s.committed_at < clock_timestamp() - interval '10 min';
    FOR v_left IN
        SELECT d.dump_id FROM ctaudit.dump AS d
        WHERE d.node = p_node AND d.reconciled_at IS NULL AND NOT EXISTS (
            SELECT FROM ctaudit.stream AS s
            WHERE s.node = p_node AND d.dump_id IN (s.dump_id, s.pending_dump_id)
        )
    LOOP
        DELETE FROM ctaudit.unmatched_entry AS u WHERE u.dump_id = v_left;
        DELETE FROM ctaudit.unended_row AS u WHERE u.dump_id = v_left;
        DELETE FROM ctaudit.search AS h WHERE h.dump_id = v_left;
    END LOOP;
END
$function$;
