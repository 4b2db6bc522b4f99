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
        (21, 'ARRAY[(p.needed).node_id]'), (20, '(p.needed).wrong_until'),
        (19, '(p.needed).wrong_from'),
        (17, '(p.needed).ends_until'), (16, '(p.needed).ends_from'), (15, '(q.parts[1]).proto'),
        (14, '(q.parts[1]).remote_port'), (13, '(q.parts[1]).remote'), (12, '(q.parts[1]).port'),
        (11, '(q.parts[1]).address'), (9, '(p.needed).entries_until'), (8, '(p.needed).entries_from'),
        (6, 'ARRAY[(p.needed).dump_before, (p.needed).dump_after] || (p.needed).dumps_within'),
        (5, '(p.needed).openings_until'), (4, '(p.needed).openings_from')
    ) AS m (number, value) LOOP
        v_query := replace(v_query, '$' || v.number, v.value);
    END LOOP;
    FOR v IN SELECT * FROM (VALUES
        ('row', 'q.first_part + p.nth::integer - 1 AS part, ROW('),
        ('end of row', ')::ctaudit.seen_row AS row'),
        ('part', 'CROSS JOIN LATERAL (SELECT u.needed, u.nth '
            'FROM unnest(q.parts) WITH ORDINALITY AS u (question, asked_from, asked_until, address, '
            'port, remote, remote_port, proto, node, outward, inward, needed, aggregated, own, '
            'nth)) AS p'),
        -- By days, so that the index of times is of use for none but untranslated connections.
        ('bounds', 'r.received_at >= $6 AND r.received_at < $7 '
            'AND ctaudit.index_time(r.received_at) >= ctaudit.index_time(q.lower) '
            'AND ctaudit.index_time(r.received_at) <= ctaudit.index_time(q.upper) AND '
            || CASE WHEN p_untranslated
                THEN 'r.received_at >= q.lower AND r.received_at < q.upper AND ' ELSE '' END),
        ('entries', 'r.received_at >= $6 AND r.received_at < $7 '
            'AND r.node_id = (p.needed).node_id AND ')
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
