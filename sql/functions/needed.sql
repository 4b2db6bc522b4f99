-- Function: ctaudit.needed
-- Which part of a node's record a question about a span needs. Bounds are times of receipt.
-- An opening or end is recorded within two hours, or within a late reading (late_read).
-- Parameters: p_node; p_from, p_until   the span
-- Returns: one row
--   dump_before, dump_after         the last complete dump before the span, the first after it
--   dumps_within                    in history mode the complete ones that touch the span: of
--                                   what began and ended in between, only they may tell
--   entries_from, entries_until     when the entries of all these were received
--   openings_from, openings_until   openings of what was alive in the span and began after
--                                   dump_before; all before it where that dump has no starts
--   ends_from, ends_until           ends of what was alive in the span, but for those that
--                                   outlived dump_after
--   wrong_from, wrong_until         NULL, or when a clock that was stepped since dump_before said
--                                   that it was earlier than that dump: openings and ends of then
-- Tables touched: dump, stream, late_read, clock_doubt (read)
CREATE OR REPLACE FUNCTION ctaudit.needed(
    p_node text,
    p_from timestamptz,
    p_until timestamptz,
    OUT dump_before bigint,
    OUT dump_after bigint,
    OUT dumps_within bigint[],
    OUT entries_from timestamptz,
    OUT entries_until timestamptz,
    OUT openings_from timestamptz,
    OUT openings_until timestamptz,
    OUT ends_from timestamptz,
    OUT ends_until timestamptz,
    OUT wrong_from timestamptz,
    OUT wrong_until timestamptz
)
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT
        b.dump_id, a.dump_id, w.dump_ids,
        least(b.began_at, w.began_at, a.began_at) - interval '2 hours',
        greatest(b.ended_at, w.ended_at, a.ended_at) + interval '2 hours',
        coalesce(CASE WHEN b.timed THEN b.began_at END, '-infinity'),
        CASE WHEN t.timed
            THEN greatest(p_until, l.read_at) + interval '2 hours' ELSE 'infinity' END,
        least(p_from, coalesce(CASE WHEN b.timed THEN b.began_at END, '-infinity'))
            - interval '2 hours',
        coalesce(CASE WHEN t.timed THEN greatest(a.ended_at, l.read_at) END, 'infinity')
            + interval '2 hours',
        k.wrong_from, k.wrong_until
    FROM (VALUES (1)) AS one (row)
    LEFT JOIN LATERAL (
        SELECT d.*, s.detail ->> 'timestamp' = '1' AS timed
        FROM ctaudit.dump AS d JOIN ctaudit.stream AS s USING (node, stream)
        WHERE d.node = p_node AND d.ended_at <= p_from
        ORDER BY d.ended_at DESC, d.dump_id DESC LIMIT 1
    ) AS b ON true
    LEFT JOIN LATERAL (
        SELECT * FROM ctaudit.dump AS d
        WHERE d.node = p_node AND d.began_at >= p_until AND d.ended_at >= p_until
        ORDER BY d.ended_at, d.dump_id LIMIT 1
    ) AS a ON true
    LEFT JOIN LATERAL (
        SELECT array_agg(d.dump_id) AS dump_ids, min(d.began_at) AS began_at,
            max(d.ended_at) AS ended_at
        FROM ctaudit.dump AS d JOIN ctaudit.stream AS s USING (node, stream)
        WHERE d.node = p_node AND s.mode = 'history' AND d.began_at < p_until
            AND d.ended_at > p_from AND d.ended_at < p_until + interval '2 hours'
    ) AS w ON true
    LEFT JOIN LATERAL (
        SELECT coalesce(bool_and(s.detail ->> 'timestamp' = '1'), false) AS timed
        FROM ctaudit.stream AS s WHERE s.node = p_node
    ) AS t ON true
    LEFT JOIN LATERAL (
        SELECT min(c.doubt_from) AS wrong_from, max(least(c.doubt_until, b.began_at)) AS wrong_until
        FROM ctaudit.clock_doubt AS c
        WHERE c.node = p_node AND c.doubt_from < b.began_at
            AND c.at BETWEEN b.began_at AND p_until
    ) AS k ON true
    LEFT JOIN LATERAL (
        SELECT max(r.read_at) AS read_at FROM ctaudit.late_read AS r
        WHERE r.node = p_node AND r.sent_from < p_until AND r.read_at >= p_from
    ) AS l ON true;
$function$;
