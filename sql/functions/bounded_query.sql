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
        CROSS JOIN LATERAL unnest(
            t.spans - ctaudit.empty_days(t.name, lower(t.spans), upper(t.spans))
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
    )
    SELECT
        r.begins, r.untils, array_agg(p.node_id), max(p.openings_until),
        ARRAY(
            SELECT d FROM unnest(p_parts) AS n,
                unnest(ARRAY[n.dump_before, n.dump_after] || n.dumps_within) AS d
        ),
        replace(replace(replace(
            p_query,
            '/* openings */', format('r.node_id = ANY ($3) AND (%s)', coalesce(r.openings, 'false'))
        ),
            '/* ends */', format(
                'r.node_id = ANY ($3) AND (%s) AND (r.started_at IS NULL OR r.started_at < $5)',
                coalesce(r.ends, 'false')
            )
        ),
            '/* entries */', format(
                'r.dump_id = ANY ($4) AND (%s)', coalesce(r.entries, 'false')
            )
        )
    INTO begins, untils, node_ids, openings_until, dump_ids, query
    FROM unnest(p_parts) AS p CROSS JOIN received AS r
    GROUP BY r.begins, r.untils, r.openings, r.ends, r.entries;
END
$function$;
