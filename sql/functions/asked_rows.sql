-- Function: ctaudit.asked_rows
-- The rows of some questions of ctaudit.who_batch, which need rows of the same days.
-- Connections that were not translated are found by a summary of all rows of a day, question by
-- question: where few addresses are asked for, it is first seen which of them have such at all.
-- Parameters: p_parts   as ctaudit.asked_parts returns them, those of a question one after the other;
--   with the same conditions
--   p_limit   of each question at most so many rows
-- Returns: part, without conditions; seen, its rows, NULL: the question has p_limit rows or more
-- Tables touched: opening_row, flow_row, dump_entry_row, dump (read)
CREATE OR REPLACE FUNCTION ctaudit.asked_rows(p_parts ctaudit.asked_part[], p_limit integer)
RETURNS TABLE (part ctaudit.asked_part, seen ctaudit.seen_row[])
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
-- Each question has few rows, whatever the planner expects.
SET enable_nestloop = on
SET enable_hashjoin = off
SET enable_mergejoin = off
SET enable_seqscan = off
SET max_parallel_workers_per_gather = 0
SET jit = off
AS $function$
DECLARE
    v_asked CONSTANT ctaudit.asked_part := p_parts[1];
    v_parts ctaudit.asked_part[];
    v_addresses inet[];
    v_questions integer;
    v_from timestamptz;
    v_until timestamptz;
    v record;
    v_place integer;
BEGIN
    SELECT
        array_agg(ROW(
            p.question, p.asked_from, p.asked_until, p.address, p.port, p.remote, p.remote_port,
            p.proto, p.node, NULL, NULL, p.needed, p.aggregated, p.own
        )::ctaudit.asked_part ORDER BY p.nth),
        array_agg(DISTINCT p.address), count(DISTINCT p.question),
        date_trunc('day', min(b.lower), 'UTC'),
        date_trunc('day', max(b.upper), 'UTC') + interval '1 day'
    INTO v_parts, v_addresses, v_questions, v_from, v_until
    FROM unnest(p_parts) WITH ORDINALITY AS p (
        question, asked_from, asked_until, address, port, remote, remote_port, proto, node,
        outward, inward, needed, aggregated, own, nth
    )
    CROSS JOIN LATERAL ctaudit.receipt_bounds(p.needed) AS b;
    IF cardinality(v_addresses) * 2 < v_questions AND v_until <= v_from + interval '3 days' THEN
        v_addresses := ctaudit.called(v_addresses, v_from, v_until);
    END IF;
    FOR v IN
        SELECT
            q.is_untranslated, array_agg(q.first) AS firsts, array_agg(q.last) AS lasts,
            array_agg(q.lower) AS lower, array_agg(q.upper) AS upper
        FROM (
            SELECT
                min(p.nth)::integer AS first, max(p.nth)::integer AS last, min(b.lower) AS lower,
                max(b.upper) AS upper, bool_or(p.address = ANY (v_addresses)) AS is_untranslated
            FROM unnest(v_parts) WITH ORDINALITY AS p (
                question, asked_from, asked_until, address, port, remote, remote_port, proto,
                node, outward, inward, needed, aggregated, own, nth
            )
            CROSS JOIN LATERAL ctaudit.receipt_bounds(p.needed) AS b
            GROUP BY p.question
        ) AS q
        GROUP BY q.is_untranslated
    LOOP
        FOR v_place, seen IN EXECUTE ctaudit.asked_query(
            v_asked.outward, v_asked.inward, v.is_untranslated
        ) USING v_parts, v.firsts, v.lasts, v.lower, v.upper, v_from, v_until, p_limit LOOP
            part := v_parts[v_place];
            RETURN NEXT;
        END LOOP;
    END LOOP;
END
$function$;
