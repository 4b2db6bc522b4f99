-- Function: ctaudit.needed
-- Which part of a node's record a question about a span needs. Bounds are times of receipt.
-- An opening or end is recorded within two hours, or within a late reading (late_read).
-- Parameters: p_node   its row; p_from, p_until   the span
-- Returns:
--   dump_before, dump_after         the last complete dump before the span, the first after it
--   dumps_within                    in history mode the complete ones that touch the span: of
--                                   what began and ended in between, only they may tell
--   entries_from, entries_until     when the entries of all these were received
--   openings_from, openings_until   openings of what was alive in the span and began after
--                                   dump_before; all before it where that dump has no starts;
--                                   none from before the node was first seen, nor in nat mode
--                                   from more than 7 days before the span
--   ends_from, ends_until           ends of what was alive in the span, but for those that
--                                   outlived dump_after, if all_ends is false; none from before
--                                   the node was first seen
--   wrong_from, wrong_until         NULL, or when a clock that was stepped since dump_before said
--                                   that it was earlier than that dump, before the step or after
--                                   it: openings and ends of then; also the span itself, where it begins before the node
--                                   was first seen: only a wrong clock has rows there
-- Of a node whose first rows are known to begin after the span (ctaudit.find_reach), these alone.
-- Tables touched: dump, stream, late_read, clock_doubt (read)
CREATE OR REPLACE FUNCTION ctaudit.needed(
    p_node ctaudit.node,
    p_from timestamptz,
    p_until timestamptz
)
RETURNS ctaudit.needed_part
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v ctaudit.needed_part;
    v_before ctaudit.dump;
    v_after ctaudit.dump;
    v_within_ids bigint[];
    v_within_began timestamptz;
    v_within_ended timestamptz;
    v_first timestamptz;
    v_doubt_from timestamptz;
    v_read_at timestamptz;
    -- Whether each opening has the kernel's start: those of dump_before, those of the span.
    v_timed_before boolean;
    v_timed boolean;
    v_is_nat boolean;
    v_has_history boolean;
    -- Nothing of the node was received later.
    v_last timestamptz;
BEGIN
    SELECT d.* INTO v_before FROM ctaudit.dump AS d
    WHERE d.node = p_node.node AND d.ended_at <= p_from
    ORDER BY d.ended_at DESC, d.dump_id DESC LIMIT 1;
    SELECT d.* INTO v_after FROM ctaudit.dump AS d
    WHERE d.node = p_node.node AND d.began_at >= p_until AND d.ended_at >= p_until
    ORDER BY d.ended_at, d.dump_id LIMIT 1;
    SELECT
        coalesce(bool_and(s.detail ->> 'timestamp' = '1'), false),
        bool_or(s.stream = v_before.stream AND s.detail ->> 'timestamp' = '1'),
        bool_and(s.mode = 'nat'), bool_or(s.mode = 'history'),
        max(greatest(s.covered_until, s.committed_at)) + interval '2 hours'
    INTO v_timed, v_timed_before, v_is_nat, v_has_history, v_last
    FROM ctaudit.stream AS s WHERE s.node = p_node.node;
    IF v_has_history THEN
        SELECT array_agg(d.dump_id), min(d.began_at), max(d.ended_at)
        INTO v_within_ids, v_within_began, v_within_ended
        FROM ctaudit.dump AS d JOIN ctaudit.stream AS s USING (node, stream)
        WHERE d.node = p_node.node AND s.mode = 'history' AND d.began_at < p_until
            AND d.ended_at > p_from AND d.ended_at < p_until + interval '2 hours';
    END IF;
    SELECT min(c.doubt_from) INTO v_doubt_from
    FROM ctaudit.clock_doubt AS c WHERE c.node = p_node.node;
    v_first := least(p_node.first_seen, v_doubt_from);
    IF v_doubt_from IS NOT NULL THEN
        SELECT min(c.doubt_from), max(least(c.doubt_until, v_before.began_at))
        INTO v.wrong_from, v.wrong_until
        FROM ctaudit.clock_doubt AS c
        WHERE c.node = p_node.node AND c.doubt_from < v_before.began_at
            AND (
                c.at BETWEEN v_before.began_at AND p_until
                OR c.at >= ctaudit.stepped_back_to(p_node.node, v_before.began_at)
            );
    END IF;
    SELECT max(r.read_at) INTO v_read_at FROM ctaudit.late_read AS r
    WHERE r.node = p_node.node AND r.sent_from < p_until AND r.read_at >= p_from;

    v.node := p_node.node;
    v.node_id := p_node.node_id;
    v.dump_before := v_before.dump_id;
    v.dump_after := v_after.dump_id;
    v.dumps_within := v_within_ids;
    v.entries_from := least(v_before.began_at, v_within_began, v_after.began_at)
        - interval '2 hours';
    v.entries_until := greatest(v_before.ended_at, v_within_ended, v_after.ended_at)
        + interval '2 hours';
    v.openings_from := CASE WHEN v_timed_before THEN v_before.began_at
        ELSE v_first - interval '2 hours' END;
    IF v_is_nat THEN
        v.openings_from := greatest(v.openings_from, p_from - interval '7 days');
    END IF;
    v_last := greatest(v_last, v_read_at + interval '2 hours');
    v.openings_until := CASE WHEN v_timed
        THEN greatest(p_until, v_read_at) + interval '2 hours' ELSE coalesce(v_last, 'infinity') END;
    v.ends_from := greatest(least(p_from, v.openings_from), v_first) - interval '2 hours';
    IF p_from < v_first THEN
        v.wrong_from := least(v.wrong_from, p_from - interval '2 hours');
        v.wrong_until := greatest(v.wrong_until, p_until + interval '2 hours');
    END IF;
    v.all_ends := NOT v_timed OR v_after.dump_id IS NULL;
    v.ends_until := CASE WHEN v.all_ends THEN coalesce(v_last, 'infinity')
        ELSE greatest(v_after.ended_at, v_read_at) + interval '2 hours' END;
    IF v_before.dump_id IS NULL AND v_after.dump_id = p_node.first_dump_id
        AND p_until <= p_node.reaches_to - interval '2 hours'
        AND v_timed AND v_doubt_from IS NULL AND v_read_at IS NULL
    THEN
        v.entries_from := NULL;
        v.entries_until := NULL;
        v.ends_from := v.wrong_until;
        v.ends_until := v.wrong_until;
    END IF;
    RETURN v;
END
$function$;
