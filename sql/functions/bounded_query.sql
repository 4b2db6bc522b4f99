-- Function: ctaudit.bounded_query
-- ctaudit.seen_query for the rows that some nodes need. What they need may lie far apart, as the first
-- dump of a gateway that joined later: the days between are not opened, nor closed days without rows.
-- Parameters: p_parts   what is needed of each node. With several, the query gives rows that only
--                       another one needs as well; p_query
-- Returns: query, and its parameters $1 to $5 in this order. $6 to $10 are free
-- Tables touched: by ctaudit.empty_days: closed_partition (read)
CREATE OR REPLACE FUNCTION ctaudit.bounded_query(
    p_parts ctaudit.needed_part[],
    p_query text,
    OUT query text,
    OUT begins timestamptz[],
    OUT untils timestamptz[],
    OUT node_ids smallint[],
    OUT dump_ids bigint[],
    OUT openings_until timestamptz
)
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_column
DECLARE
    v_texts CONSTANT text[] := string_to_array(p_query, '/* tables */');
    v_tables CONSTANT text[] := string_to_array(v_texts[2], 'UNION ALL');
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
    ),
    received AS (
        SELECT
            array_agg(s.begin ORDER BY s.n) AS begins, array_agg(s.until ORDER BY s.n) AS untils,
            string_agg(c.condition, ' OR ') FILTER (WHERE s.name = 'opening') AS openings,
            string_agg(c.condition, ' OR ') FILTER (WHERE s.name = 'flow') AS ends,
            string_agg(c.condition, ' OR ') FILTER (WHERE s.name = 'dump_entry') AS entries
        FROM span AS s CROSS JOIN LATERAL (
            SELECT format('r.received_at >= ($1)[%1$s] AND r.received_at < ($2)[%1$s]', s.n) AS condition
        ) AS c
    ),
    -- What is not read is not parsed either; of nothing at all, ends stand for the columns.
    selected AS (
        SELECT string_agg(replace(v_tables[t.n], t.place, t.condition), 'UNION ALL') AS selects
        FROM received AS r CROSS JOIN LATERAL (VALUES
            (1, '/* openings */', 'r.node_id = ANY ($3) AND (' || r.openings || ')'),
            (2, '/* ends */', 'r.node_id = ANY ($3) AND ('
                || coalesce(r.ends, CASE WHEN coalesce(r.openings, r.entries) IS NULL THEN 'false' END)
                || ') AND (r.started_at IS NULL OR r.started_at < $5)'),
            (3, '/* entries */', 'r.dump_id = ANY ($4) AND (' || r.entries || ')')
        ) AS t (n, place, condition)
        WHERE t.condition IS NOT NULL
    )
    SELECT
        r.begins, r.untils, array_agg(p.node_id), max(p.openings_until),
        ARRAY(
            SELECT d FROM unnest(p_parts) AS n,
                unnest(ARRAY[n.dump_before, n.dump_after] || n.dumps_within) AS d
        ),
        concat(v_texts[1], s.selects, v_texts[3])
    INTO begins, untils, node_ids, openings_until, dump_ids, query
    FROM unnest(p_parts) AS p CROSS JOIN received AS r CROSS JOIN selected AS s
    GROUP BY r.begins, r.untils, s.selects;
END
$function$;
