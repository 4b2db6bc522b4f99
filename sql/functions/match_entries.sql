-- Function: ctaudit.match_entries
-- Takes a portion of a dump's entries, once all that was sent before the dump's end is recorded, and
-- leaves to ctaudit.compare_entries those that are not of a connection recorded as open. Nearly all
-- are: so they are joined with the copy of what has been open since the dump before
-- (ctaudit.advance_copy, ctaudit.match_by_copy). Where there is no copy, each is looked up by index
-- (ctaudit.match_by_rows); so it is of a node that records less than a 64th of all events.
-- Parameters:
--   p_stream    the row of the stream
--   p_dump      the dump
--   p_earlier   the dump_id of the one before it that was reconciled, or NULL
--   p_rows      how much to do: 1 for fifteen openings of the copy (ctaudit.copy_window), for five entries,
--               or for one that is looked up. Those received at the same moment are taken together
-- Returns: how much was done; less than p_rows: all entries are matched
-- Tables touched: unmatched_entry, dump, live_copy, live_place; opening_row, dump_entry_row, flow_row,
--   stream, clock_doubt (read)
CREATE OR REPLACE FUNCTION ctaudit.match_entries(
    p_stream ctaudit.stream,
    p_dump ctaudit.dump,
    p_earlier bigint,
    p_rows bigint
)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $function$
DECLARE
    v_since record;
    v_window bigint;
    v_by_rows boolean;
    v_entries_from timestamptz;
    v_entries_until timestamptz;
    v_step record;
    v_done bigint := 0;
    v_each bigint := 1;
    v_entries bigint;
    v_until timestamptz;
BEGIN
    IF p_dump.matched_until = 'infinity' THEN
        RETURN 0;
    END IF;
    v_since := ctaudit.recorded_since(p_stream.node, p_earlier, p_stream.covered_until);
    v_entries_from := CASE WHEN v_since.is_ordered THEN p_dump.began_at - interval '2 hours'
        ELSE '-infinity' END;
    v_entries_until := CASE WHEN v_since.is_ordered THEN p_dump.ended_at + interval '2 hours'
        ELSE 'infinity' END;
    IF NOT EXISTS (
        SELECT FROM ctaudit.dump_entry_row AS e
        WHERE - e.dump_id = - p_dump.dump_id AND e.node_id = p_stream.node_id
            AND e.received_at BETWEEN v_entries_from AND v_entries_until
            AND e.received_at > p_dump.matched_until
    ) THEN
        UPDATE ctaudit.dump AS d SET matched_until = 'infinity' WHERE d.dump_id = p_dump.dump_id;
        RETURN 0;
    END IF;
    v_by_rows := p_dump.by_rows OR p_stream.mode <> 'live'
        OR p_dump.matched_until = '-infinity' AND ctaudit.share_of(p_stream) < 1 / 64.0;
    IF NOT v_by_rows THEN
        v_window := ctaudit.copy_window(p_stream, p_earlier, p_rows);
        v_step := ctaudit.advance_copy(
            p_stream, p_earlier, p_dump.dump_id, CASE
                WHEN EXISTS (
                    SELECT FROM ctaudit.live_copy AS c
                    WHERE c.node_id = p_stream.node_id AND c.dump_id = coalesce(p_earlier, 0)
                        AND c.copied_until >= p_dump.ended_at
                ) THEN p_dump.ended_at
                -- What was sent before the dump's end is received soon.
                ELSE least(p_stream.covered_until, p_dump.ended_at + interval '2 s')
            END, v_window
        );
        v_by_rows := v_step.copied_until IS NULL;
        IF v_step.taken > v_window THEN
            RETURN p_rows;
        END IF;
        v_done := p_rows * v_step.taken / v_window;
        v_each := 5;
    END IF;
    EXECUTE $query$
        SELECT count(*), CASE WHEN count(*) = $6 THEN max(p.received_at) ELSE 'infinity' END
        FROM (
            SELECT e.received_at FROM ctaudit.dump_entry_row AS e
            WHERE - e.dump_id = - $2 AND e.node_id = $1 AND e.received_at BETWEEN $3 AND $4
                AND e.received_at > $5
            ORDER BY e.received_at LIMIT $6
        ) AS p
    $query$ INTO v_entries, v_until
    USING p_stream.node_id, p_dump.dump_id, v_entries_from, v_entries_until,
        p_dump.matched_until, v_each * p_rows;
    IF v_by_rows THEN
        PERFORM ctaudit.match_by_rows(p_stream, p_dump, p_earlier, v_until);
    ELSE
        PERFORM ctaudit.match_by_copy(p_stream, p_dump, p_earlier, v_until);
    END IF;
    UPDATE ctaudit.dump AS d SET matched_until = v_until, by_rows = v_by_rows
    WHERE d.dump_id = p_dump.dump_id;
    IF v_until < 'infinity' THEN
        RETURN p_rows;
    END IF;
    RETURN least(v_done + v_entries / v_each, p_rows - 1);
END
$function$;
