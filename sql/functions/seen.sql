-- Function: ctaudit.seen
-- The rows that show a connection (ctaudit.seen_query), of one node or of some, planned for the values
-- asked for: one query for all nodes, so that one without such rows costs no more than its part of an
-- index. What they need may lie far apart, as the first dump of a gateway that joined later: the days
-- between are not opened. The rows may be many: the server writes to disk what is beyond work_mem.
-- Parameters: p_parts   what is needed of each node. With several, rows that only another one needs
--                       are returned as well (ctaudit.connections leaves them out)
--   the others as those of ctaudit.connections
-- Returns: the rows
-- Tables touched: opening_row, flow_row, dump_entry_row (read)
DROP FUNCTION IF EXISTS ctaudit.nodes_seen(
    ctaudit.needed_part[], text, inet, integer, inet, integer, smallint
);
CREATE OR REPLACE FUNCTION ctaudit.seen(
    p_parts ctaudit.needed_part[],
    p_query text,
    p_address inet,
    p_port integer,
    p_remote inet,
    p_remote_port integer,
    p_proto smallint
)
RETURNS SETOF ctaudit.seen_row
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v record;
BEGIN
    WITH span AS (
        SELECT t.kind, row_number() OVER () AS n, lower(t.span) AS begin, upper(t.span) AS until
        FROM (
            SELECT r.kind, unnest(range_agg(tstzrange(r.begin, r.until))) AS span
            FROM unnest(p_parts) AS p
            CROSS JOIN LATERAL (VALUES
                ('opening', p.openings_from, p.openings_until),
                ('opening', p.wrong_from, least(p.wrong_until + interval '1 us', p.openings_until)),
                ('end', p.ends_from, p.ends_until),
                ('end', p.wrong_from, least(p.wrong_until + interval '1 us', p.ends_until)),
                ('entry', p.entries_from, p.entries_until + interval '1 us')
            ) AS r (kind, begin, until)
            WHERE r.begin < r.until
            GROUP BY r.kind
        ) AS t
    ),
    received AS (
        SELECT
            array_agg(s.begin ORDER BY s.n) AS begins, array_agg(s.until ORDER BY s.n) AS untils,
            string_agg(c.condition, ' OR ') FILTER (WHERE s.kind = 'opening') AS openings,
            string_agg(c.condition, ' OR ') FILTER (WHERE s.kind = 'end') AS ends,
            string_agg(c.condition, ' OR ') FILTER (WHERE s.kind = 'entry') AS entries
        FROM span AS s CROSS JOIN LATERAL (
            SELECT format('r.received_at >= ($1)[%1$s] AND r.received_at < ($2)[%1$s]', s.n) AS condition
        ) AS c
    )
    SELECT
        r.begins, r.untils, array_agg(p.node_id) AS node_ids, max(p.openings_until) AS openings_until,
        ARRAY(
            SELECT d FROM unnest(p_parts) AS n,
                unnest(ARRAY[n.dump_before, n.dump_after] || n.dumps_within) AS d
        ) AS dump_ids,
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
        ) AS query
    INTO v FROM unnest(p_parts) AS p CROSS JOIN received AS r
    GROUP BY r.begins, r.untils, r.openings, r.ends, r.entries;
    RETURN QUERY EXECUTE v.query USING
        v.begins, v.untils, v.node_ids, v.dump_ids, v.openings_until, NULL, NULL, NULL, NULL, NULL,
        p_address, p_port, p_remote, p_remote_port, p_proto;
END
$function$;
