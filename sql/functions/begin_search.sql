-- Function: ctaudit.begin_search
-- Begins the searches that follow the comparison of a dump's entries (ctaudit.search_silent), in
-- live mode.
--   Where a gap may hide the DESTROY of what this dump does not show. Without a gap the DESTROY is
--   still to come: the kernel leaves an expired entry out of a dump at once, and sends its DESTROY
--   up to a minute later.
--   For what the dump before did not show either, if that was two minutes ago or more: its
--   DESTROY has been sent by now, or never will be.
-- Parameters:
--   p_stream    the row of the stream
--   p_dump      the dump
--   p_earlier   the one before it that was reconciled; NULL: none
-- Returns: nothing
-- Tables touched: search; gap, dump (read)
CREATE OR REPLACE FUNCTION ctaudit.begin_search(
    p_stream ctaudit.stream,
    p_dump ctaudit.dump,
    p_earlier ctaudit.dump
)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_gone ctaudit.dump;
BEGIN
    IF p_stream.mode <> 'live' THEN
        RETURN;
    END IF;
    IF EXISTS (
        SELECT FROM ctaudit.gap AS g
        WHERE g.node = p_stream.node AND g.hides_ends AND g.proto IS NULL
            AND g.gap_from <= p_dump.ended_at
            AND (g.gap_until IS NULL OR p_earlier.dump_id IS NULL
                OR g.gap_until > p_earlier.ended_at)
            -- Openings that this dump has proved missing are no sign that ends were lost.
            AND g.detail ->> 'dump_id' IS DISTINCT FROM p_dump.dump_id::text
    ) THEN
        INSERT INTO ctaudit.search (dump_id, gone_dump_id, since_dump_id, tells)
        VALUES (p_dump.dump_id, p_dump.dump_id, p_earlier.dump_id, false);
    END IF;
    -- Two minutes ago is the latest dump before which what it lacks has been deleted by now.
    SELECT * INTO v_gone FROM ctaudit.dump AS d WHERE d.dump_id = ctaudit.last_dump(
        p_stream.node, least(p_earlier.ended_at, p_dump.began_at - interval '2 min'), true
    );
    IF v_gone.ended_at > p_earlier.began_at - interval '2 min' THEN
        INSERT INTO ctaudit.search (dump_id, gone_dump_id, since_dump_id, tells)
        VALUES (p_dump.dump_id, v_gone.dump_id, ctaudit.last_dump(
            p_stream.node, least(v_gone.began_at, p_earlier.began_at - interval '2 min'), true
        ), true);
    END IF;
END
$function$;
