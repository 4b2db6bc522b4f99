-- Function: ctaudit.search_silent
-- Takes a portion of a search for connections that ended in silence: they had begun before one
-- dump, neither it nor the dump that is reconciled shows them, and no end is recorded. Each gets a
-- flow of provenance 'unobserved', whose end lies between two times, without counters.
-- What was open at the search's earlier dump, and what was opened since, is joined with its ends by
-- the copy (ctaudit.advance_copy). What is left is in the dumps, but for few, about which ctaudit.lives
-- decides (ctaudit.find_unended, ctaudit.decide_unended). Where there is no copy, each row is looked
-- up (ctaudit.search_by_rows).
-- Parameters:
--   p_stream   the row of the stream
--   p_search   the search
--   p_rows     how much to do: as of ctaudit.match_entries
-- Returns: how much was done; fewer than p_rows: this part is over, the last one where
--   search.openings_until is set
-- Tables touched: search, dump, unended_row, flow_row, live_copy, live_place; opening_row,
--   dump_entry_row, stream, clock_doubt, gap (read)
CREATE OR REPLACE FUNCTION ctaudit.search_silent(
    p_stream ctaudit.stream,
    p_search ctaudit.search,
    p_rows bigint
)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_search ctaudit.search := p_search;
    v_window bigint;
    v_step record;
BEGIN
    IF NOT v_search.by_copy AND v_search.entries_until = '-infinity'
        AND v_search.openings_until IS NULL
    THEN
        UPDATE ctaudit.search AS h SET
            by_copy = true,
            entries_until = least(d.heard_until + interval '1 min', p_stream.covered_until)
        FROM ctaudit.dump AS d, ctaudit.dump AS s
        WHERE h.dump_id = p_search.dump_id AND h.tells = p_search.tells
            AND d.dump_id = h.gone_dump_id AND s.dump_id = h.dump_id AND NOT s.by_rows
        RETURNING h.* INTO v_search;
        IF NOT FOUND THEN
            v_search := p_search;
        END IF;
    END IF;
    IF NOT v_search.by_copy THEN
        RETURN ctaudit.search_by_rows(p_stream, v_search, p_rows);
    ELSIF v_search.openings_until IS NOT NULL THEN
        RETURN ctaudit.decide_unended(p_stream, v_search, p_rows);
    END IF;
    v_window := ctaudit.copy_window(p_stream, v_search.since_dump_id, p_rows);
    v_step := ctaudit.advance_copy(
        p_stream, v_search.since_dump_id, v_search.dump_id, v_search.entries_until, v_window
    );
    IF v_step.copied_until IS NULL THEN
        UPDATE ctaudit.dump AS d SET by_rows = true WHERE d.dump_id = v_search.dump_id;
        UPDATE ctaudit.search AS h SET by_copy = false, entries_until = '-infinity'
        WHERE h.dump_id = v_search.dump_id AND h.tells = v_search.tells
        RETURNING h.* INTO v_search;
        RETURN ctaudit.search_by_rows(p_stream, v_search, p_rows);
    ELSIF v_step.taken > v_window THEN
        RETURN p_rows;
    END IF;
    PERFORM ctaudit.find_unended(p_stream, v_search);
    UPDATE ctaudit.search AS h SET openings_until = v_search.entries_until
    WHERE h.dump_id = v_search.dump_id AND h.tells = v_search.tells;
    RETURN least(p_rows * v_step.taken / v_window, p_rows - 1);
END
$function$;
