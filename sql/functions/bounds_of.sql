-- Function: ctaudit.bounds_of
-- Where the rows stand that some nodes need. What they need may lie far apart, as the first dump of a
-- gateway that joined later: the days between are not opened, nor closed days without rows.
-- Parameters: p_parts   what is needed of each node
-- Returns: the bounds. With several parts, rows are within them that only another node needs
-- Tables touched: by ctaudit.empty_days: closed_partition (read)
CREATE OR REPLACE FUNCTION ctaudit.bounds_of(p_parts ctaudit.needed_part[])
RETURNS ctaudit.row_bounds
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v ctaudit.row_bounds;
BEGIN
    WITH span AS (
        SELECT t.name, row_number() OVER () AS n, lower(u.span) AS begin, upper(u.span) AS until
        FROM (
            SELECT r.name, range_agg(tstzrange(r.begin, r.until)) AS spans
            FROM unnest(p_parts) AS p
            CROSS JOIN LATERAL (VALUES
                ('opening', p.openings_from, p.openings_until),
                ('opening', p.wrong_from, least(p.wrong_until + interval '1 us', p.openings_until)),
                ('flow', p.ends_from, p.ends_until),
                ('flow', p.wrong_from, least(p.wrong_until + interval '1 us', p.ends_until)),
                ('dump_entry', p.entries_from, p.entries_until + interval '1 us')
            ) AS r (name, begin, until)
            WHERE r.begin < r.until
            GROUP BY r.name
        ) AS t
        CROSS JOIN LATERAL unnest(t.spans) AS w (span)
        CROSS JOIN LATERAL unnest(
            tstzmultirange(w.span) - ctaudit.empty_days(t.name, lower(w.span), upper(w.span))
        ) AS u (span)
    )
    SELECT
        array_agg(s.begin ORDER BY s.n), array_agg(s.until ORDER BY s.n),
        string_agg(c.condition, ' OR ') FILTER (WHERE s.name = 'opening'),
        string_agg(c.condition, ' OR ') FILTER (WHERE s.name = 'flow'),
        string_agg(c.condition, ' OR ') FILTER (WHERE s.name = 'dump_entry')
    INTO v.begins, v.untils, v.openings, v.ends, v.entries
    FROM span AS s CROSS JOIN LATERAL (
        SELECT format('r.received_at >= ($1)[%1$s] AND r.received_at < ($2)[%1$s]', s.n) AS condition
    ) AS c;
    v.parts := p_parts;
    SELECT
        array_agg(DISTINCT p.node_id), max(p.openings_until),
        array_agg(DISTINCT d.dump_id) FILTER (WHERE d.dump_id IS NOT NULL)
    INTO v.node_ids, v.openings_until, v.dump_ids
    FROM unnest(p_parts) AS p
    LEFT JOIN LATERAL unnest(ARRAY[p.dump_before, p.dump_after] || p.dumps_within) AS d (dump_id) ON true;
    RETURN v;
END
$function$;
