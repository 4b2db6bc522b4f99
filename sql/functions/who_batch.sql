-- Function: ctaudit.who_batch
-- Asks many questions of ctaudit.who at once, with the same answers. Those that need rows of the same
-- day are looked up by one query, which is planned once. Each is an inquiry of its own.
-- Hundreds at a time are asked best: the answers are kept in memory until all of them are known.
-- Parameters: equally long; each an array of what the parameter of ctaudit.who is
--   p_addresses, p_ports, p_from, p_until, p_remotes, p_remote_ports, p_protos, p_nodes, p_zones
--   p_limit   of each question at most so many answers, the latest
-- Returns: for each answer, in the order of the questions:
--   question     its place, from 1
--   answers      how many there are
--   hosts        of all of them, in the question's first row
--   connection   the answer, the latest first
-- Errors: as ctaudit.who
-- Tables touched: inquiry, inquiry_answer (written); those of ctaudit.who (read)
CREATE OR REPLACE FUNCTION ctaudit.who_batch(
    p_addresses inet[],
    p_ports integer[],
    p_from timestamptz[],
    p_until timestamptz[],
    p_remotes inet[],
    p_remote_ports integer[],
    p_protos smallint[],
    p_nodes text[],
    p_zones integer[],
    p_limit integer DEFAULT 1001
)
RETURNS TABLE (
    question integer,
    answers bigint,
    hosts inet[],
    connection ctaudit.connection
)
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_nestloop = off
SET max_parallel_workers_per_gather = 0
SET jit = off
SET work_mem = '64MB'
AS $function$
DECLARE
    -- Of a part; with more the question is asked by itself.
    c_rows CONSTANT integer := 2000;
    v_questions ctaudit.asked_part[] := '{}';
    v_arguments jsonb[] := '{}';
    v_inquiries bigint[] := '{}';
    -- Those that are asked by themselves: without a port, or with many rows.
    v_alone integer[] := '{}';
    v_parts ctaudit.asked_part[];
    v_group ctaudit.asked_part[];
    v_lower timestamptz;
    v_upper timestamptz;
    v_answered integer[] := '{}';
    v_found ctaudit.connection[] := '{}';
    v_passed_on integer[];
    v record;
    v_row record;
    v_kept ctaudit.connection[];
    v_nearer ctaudit.connection[];
BEGIN
    FOR v IN
        SELECT
            u.place::integer AS place, ctaudit.plain_address(u.address) AS address, u.port,
            u.asked_from, u.asked_until, ctaudit.plain_address(u.remote) AS remote, u.remote_port,
            u.proto, u.node, u.zone
        FROM unnest(
            p_addresses, p_ports, p_from, p_until, p_remotes, p_remote_ports, p_protos, p_nodes,
            p_zones
        ) WITH ORDINALITY AS u (
            address, port, asked_from, asked_until, remote, remote_port, proto, node, zone, place
        )
        ORDER BY u.place
    LOOP
        SELECT * INTO v_row FROM ctaudit.who_conditions(
            v.address, v.port, v.remote, v.remote_port, v.proto, v.zone
        );
        v_questions := v_questions || ROW(
            v.place, v.asked_from, v.asked_until, v.address, v.port, v.remote, v.remote_port,
            v.proto, v.node, v_row.outward, v_row.inward, NULL, NULL, NULL
        )::ctaudit.asked_part;
        v_arguments := v_arguments || ctaudit.who_arguments(
            v.address, v.port, v.asked_from, v.asked_until, v.remote, v.remote_port, v.proto,
            v.node, v.zone
        );
        v_inquiries := v_inquiries || ctaudit.note_question(
            'who', v_arguments[v.place], v_inquiries
        );
        IF v.port IS NULL THEN
            v_alone := v_alone || v.place;
        END IF;
    END LOOP;
    IF array_position(v_inquiries, NULL) IS NOT NULL THEN
        RETURN;
    END IF;
    v_parts := ARRAY(SELECT p FROM ctaudit.asked_parts(v_questions) AS p WHERE p.port IS NOT NULL);
    FOR v_group, v_lower, v_upper IN
        SELECT array_agg(p), min(b.lower), max(b.upper)
        FROM unnest(v_parts) AS p CROSS JOIN LATERAL ctaudit.receipt_bounds(p.needed) AS b
        GROUP BY p.outward, p.inward, p.own IS NULL, b.lower::date, b.upper::date
    LOOP
        EXECUTE format($query$
            SELECT
                array_agg((s.part).question) FILTER (WHERE NOT a.is_large) AS questions,
                array_agg(a.answer) FILTER (WHERE NOT a.is_large) AS found,
                array_agg((s.part).question) FILTER (WHERE a.is_large) AS large
            FROM (SELECT ($1)[q.nth] AS part, q.found FROM (%s) AS q OFFSET 0) AS s
            CROSS JOIN LATERAL (
                SELECT c AS answer, false AS is_large FROM ctaudit.answer_part(s.part, s.found) AS c
                WHERE cardinality(s.found) < $4 AND CASE WHEN (s.part).node IS NULL AND NOT c.exact
                    THEN NOT ctaudit.ended_on_pair(c, (s.part).asked_from) ELSE true END
                UNION ALL
                SELECT NULL::ctaudit.connection, true WHERE cardinality(s.found) >= $4
            ) AS a
        $query$, ctaudit.asked_query(
            v_group[1].outward, v_group[1].inward, v_group[1].own IS NOT NULL
        ))
        INTO v_row USING v_group, v_lower, v_upper, c_rows + 1;
        v_answered := v_answered || v_row.questions;
        v_found := v_found || v_row.found;
        v_alone := v_alone || v_row.large;
    END LOOP;
    IF num_nonnulls(VARIADIC p_nodes) > 0 THEN
        -- Whichever node was asked, packets may have passed the others.
        v_parts := ARRAY(SELECT p FROM ctaudit.asked_parts(ARRAY(
            SELECT ROW(
                q.question, q.asked_from, q.asked_until, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
                NULL, NULL, NULL, NULL
            )::ctaudit.asked_part
            FROM unnest(v_questions) AS q
        )) AS p);
    END IF;
    v_passed_on := ARRAY(
        SELECT n FROM (
            SELECT array_agg(f.question) AS questions, array_agg(f.answer) AS found FROM (
                SELECT u.question, u.answer, count(*) OVER (PARTITION BY u.question) AS answers
                FROM (SELECT unnest(v_answered) AS question, unnest(v_found) AS answer) AS u
            ) AS f WHERE f.answers <= 10
        ) AS g, LATERAL ctaudit.asked_further(g.questions, g.found, v_parts) AS n
    );
    FOR v IN
        SELECT q.*, g.answers AS answered, g.found
        FROM unnest(v_questions) AS q
        LEFT JOIN (
            SELECT
                u.question, count(*) AS answers,
                array_agg(u.answer ORDER BY (u.answer).started_at DESC NULLS LAST) AS found
            FROM (SELECT unnest(v_answered) AS question, unnest(v_found) AS answer) AS u GROUP BY u.question
        ) AS g ON g.question = q.question
        ORDER BY q.question
    LOOP
        question := v.question;
        answers := coalesce(v.answered, 0);
        v_kept := coalesce(v.found, '{}');
        hosts := NULL;
        IF v.question = ANY (v_alone) THEN
            WITH found AS MATERIALIZED (
                SELECT a.* FROM ctaudit.ask(
                    v.asked_from, v.asked_until, v.node, v.outward, v.inward, v.address, v.port,
                    v.remote, v.remote_port, v.proto, true, false, v.port IS NOT NULL
                ) AS a
                WHERE CASE WHEN v.node IS NULL AND NOT a.exact
                    THEN NOT ctaudit.ended_on_pair(a, v.asked_from) ELSE true END
            )
            SELECT
                (SELECT count(*) FROM found), (SELECT array_agg(DISTINCT f.host) FROM found AS f),
                ARRAY(
                    SELECT f::ctaudit.connection FROM found AS f
                    ORDER BY f.started_at DESC NULLS LAST LIMIT greatest(p_limit, 10)
                )
            INTO answers, hosts, v_kept;
        END IF;
        IF v.question = ANY (v_alone || v_passed_on) THEN
            WHILE answers BETWEEN 1 AND 10 LOOP
                v_nearer := ARRAY(
                    SELECT n FROM ctaudit.nearer(v_kept, v.asked_from, v.asked_until) AS n
                );
                EXIT WHEN v_nearer = '{}';
                v_kept := v_kept || v_nearer;
                answers := cardinality(v_kept);
                hosts := NULL;
            END LOOP;
            v_kept := ARRAY(SELECT k FROM unnest(v_kept) AS k ORDER BY k.started_at DESC NULLS LAST);
        END IF;
        hosts := coalesce(hosts, ARRAY(SELECT DISTINCT k.host FROM unnest(v_kept) AS k));
        FOREACH connection IN ARRAY v_kept[:p_limit] LOOP
            RETURN NEXT;
            hosts := NULL;
        END LOOP;
        PERFORM ctaudit.note_answers(
            v_inquiries[v.question], 'who', v_arguments[v.question], answers
        );
    END LOOP;
    PERFORM ctaudit.refuse_rewritten();
END
$function$;
