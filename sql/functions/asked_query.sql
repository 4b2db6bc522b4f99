-- Function: ctaudit.asked_query
-- ctaudit.seen_query for many questions at once: planned once, it looks each question up once for all
-- nodes, and gives the rows to the parts that need them.
-- Parameters: p_outward, p_inward   conditions that all questions have (ctaudit.who_conditions)
--   p_untranslated   whether connections that were not translated are looked for
-- Returns: the query, with the parameters
--   $1       ctaudit.asked_part[]
--   $2, $3   of each question its first and its last part in $1: which have the same columns, but for
--            needed, aggregated and own
--   $4, $5   of each question: no row that it needs was received before $4, nor from $5 on
--   $6, $7   the same of all of them, in whole days
--   $8       at most so many rows of each question
--   Its columns: part, the place in $1; found, a ctaudit.seen_row[], NULL: they are $8 or more
-- Tables touched: none; the query reads those of ctaudit.seen_query
CREATE OR REPLACE FUNCTION ctaudit.asked_query(
    p_outward text,
    p_inward text,
    p_untranslated boolean
)
RETURNS text
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_query text := ctaudit.seen_query(p_outward, p_inward);
    -- By days, so that the index of times is of use for none but untranslated connections.
    v_bounds CONSTANT text := 'r.received_at >= $6 AND r.received_at < $7 '
        'AND ctaudit.index_time(r.received_at) >= ctaudit.index_time(q.lower) '
        'AND ctaudit.index_time(r.received_at) <= ctaudit.index_time(q.upper)'
        || CASE WHEN p_untranslated
            THEN ' AND r.received_at >= q.lower AND r.received_at < q.upper' ELSE '' END
        || ' AND r.node_id = ANY (ARRAY[p.node_id])';
    v record;
BEGIN
    IF NOT p_untranslated THEN
        v_query := replace(
            v_query, '(' || ctaudit.asked_condition(p_outward, p_inward) || ')',
            '(' || ctaudit.translated_condition(p_outward, p_inward) || ')'
        );
    END IF;
    -- From the last: $1 is the begin of $11.
    FOR v IN SELECT * FROM (VALUES
        (15, '(q.parts[1]).proto'), (14, '(q.parts[1]).remote_port'), (13, '(q.parts[1]).remote'),
        (12, '(q.parts[1]).port'), (11, '(q.parts[1]).address')
    ) AS m (number, value) LOOP
        v_query := replace(v_query, '$' || v.number, v.value);
    END LOOP;
    FOR v IN SELECT * FROM (VALUES
        ('row', 'q.first_part + r.nth::integer - 1 AS part, ROW('),
        ('place', ', p.nth'),
        ('end of row', ')::ctaudit.seen_row AS row'),
        ('part', 'CROSS JOIN LATERAL (SELECT (u.needed).*, u.nth '
            'FROM unnest(q.parts) WITH ORDINALITY AS u (question, asked_from, asked_until, address, '
            'port, remote, remote_port, proto, node, outward, inward, needed, aggregated, own, '
            'nth)) AS p'),
        ('openings', v_bounds || ' AND (r.received_at >= p.openings_from '
            'OR r.received_at BETWEEN p.wrong_from AND p.wrong_until) '
            'AND r.received_at < p.openings_until'),
        ('ends', v_bounds || ' AND (r.received_at >= p.ends_from '
            'OR r.received_at BETWEEN p.wrong_from AND p.wrong_until) '
            'AND r.received_at < p.ends_until '
            'AND (r.started_at IS NULL OR r.started_at < p.openings_until)'),
        ('entries', 'r.received_at >= $6 AND r.received_at < $7 AND r.node_id = p.node_id '
            'AND r.dump_id = ANY (ARRAY[p.dump_before, p.dump_after] || p.dumps_within) '
            'AND r.received_at BETWEEN p.entries_from AND p.entries_until')
    ) AS m (name, value) LOOP
        v_query := replace(v_query, '/* ' || v.name || ' */', v.value);
    END LOOP;
    RETURN format($query$
        SELECT f.part, CASE WHEN f.rows < $8 THEN array_agg(f.row) END AS found
        FROM (
            SELECT s.part, s.row, count(*) OVER (PARTITION BY q.first_part) AS rows
            FROM (
                -- Once: the server copies the array wherever it stands while it plans.
                SELECT u.first_part, u.lower, u.upper, ($1)[u.first_part:u.last_part] AS parts
                FROM unnest($2, $3, $4, $5) AS u (first_part, last_part, lower, upper)
                OFFSET 0
            ) AS q
            CROSS JOIN LATERAL (%s LIMIT $8) AS s
        ) AS f
        GROUP BY f.part, f.rows
    $query$, v_query);
END
$function$;
