-- Function: ctaudit.asked_further
-- For which questions of ctaudit.who_batch ctaudit.nearer may find more: for the others no node has
-- a row with the address and port that it looks for, received near the asked time. Rows of
-- ctaudit.record_aggregate are not looked at: where a node has such, it is all questions, and where
-- one was found, it is that question.
-- Parameters:
--   p_answered, p_found   questions and connections that were found for them, equally long
--   p_parts               what their spans need of each node, also of those that were not asked
-- Returns: numbers of questions
-- Tables touched: node, opening_row, flow_row, dump_entry_row (read)
CREATE OR REPLACE FUNCTION ctaudit.asked_further(
    p_answered integer[],
    p_found ctaudit.connection[],
    p_parts ctaudit.asked_part[]
)
RETURNS SETOF integer
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
SET max_parallel_workers_per_gather = 0
SET jit = off
AS $function$
DECLARE
    -- Whether an f has a row with this end. OFFSET 0: each is looked up.
    v_exists CONSTANT text := (
        SELECT string_agg(format(
            'EXISTS (SELECT FROM ctaudit.%s AS r WHERE r.received_at >= $5 AND r.received_at < $6 '
            'AND <end> OFFSET 0)', t
        ), ' OR ') FROM unnest('{opening_row,flow_row,dump_entry_row}'::text[]) AS t
    );
    v_outward CONSTANT text := replace(
        v_exists, '<end>', 'r.reply_dport = f.port AND r.reply_dst = f.address'
    );
    v_inward CONSTANT text := replace(
        v_exists, '<end>',
        '(r.status & 32) <> 0 AND r.orig_dport = f.port AND r.orig_dst = f.address'
    );
    v record;
BEGIN
    IF EXISTS (SELECT FROM ctaudit.node AS n WHERE n.aggregated) THEN
        RETURN QUERY SELECT DISTINCT a FROM unnest(p_answered) AS a;
        RETURN;
    END IF;
    RETURN QUERY
    SELECT DISTINCT u.question
    FROM (SELECT unnest(p_answered) AS question, unnest(p_found) AS c) AS u
    WHERE ctaudit.lacks_client_port(u.c);
    FOR v IN
        SELECT
            array_agg(f.question) AS questions, array_agg(f.address) AS addresses,
            array_agg(f.port) AS ports, array_agg(f.is_outward) AS outward,
            min(w.lower) AS lower, max(w.upper) AS upper
        FROM (
            SELECT
                u.question, (u.c).direction = 'outward' AS is_outward,
                CASE (u.c).direction WHEN 'outward' THEN (u.c).orig_src ELSE (u.c).reply_src END
                    AS address,
                CASE (u.c).direction WHEN 'outward' THEN coalesce((u.c).orig_sport, -1)
                    ELSE ctaudit.coded_port(
                        (u.c).reply_sport, (u.c).orig_icmp_type, (u.c).orig_icmp_code
                    ) END AS port
            FROM (SELECT unnest(p_answered) AS question, unnest(p_found) AS c) AS u
            WHERE (u.c).provenance <> 'imported' AND (u.c).remote NOT IN ('0.0.0.0', '::')
        ) AS f
        JOIN (
            SELECT p.question, min(b.lower) AS lower, max(b.upper) AS upper
            FROM unnest(p_parts) AS p CROSS JOIN LATERAL ctaudit.receipt_bounds(p.needed) AS b
            GROUP BY p.question
        ) AS w ON w.question = f.question
        -- As in ctaudit.who_batch.
        GROUP BY date_trunc('day', w.lower, 'UTC'), CASE
            WHEN w.upper >= date_trunc('day', w.lower, 'UTC') + interval '2 days'
                THEN date_trunc('day', w.upper, 'UTC')
        END
    LOOP
        RETURN QUERY EXECUTE replace(replace($query$
            SELECT DISTINCT f.question
            FROM unnest($1, $2, $3, $4) AS f (question, address, port, is_outward)
            WHERE CASE WHEN f.is_outward THEN <outward> ELSE <inward> END
        $query$,
        '<outward>', CASE WHEN true = ANY (v.outward) THEN v_outward ELSE 'false' END),
        '<inward>', CASE WHEN false = ANY (v.outward) THEN v_inward ELSE 'false' END)
        USING v.questions, v.addresses, v.ports, v.outward, v.lower, v.upper;
    END LOOP;
END
$function$;
