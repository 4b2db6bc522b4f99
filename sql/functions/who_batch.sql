-- Function: ctaudit.who_batch
-- Asks many questions of ctaudit.who at once, with the same answers. Those that need rows of the same
-- days are looked up by one query, which is planned once. Each is an inquiry of its own.
-- Some hundreds, up to a thousand, are asked best at a time: the answers are kept in memory until all
-- of them are known.
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
    c_rows CONSTANT integer := 1000;
    v_questions ctaudit.asked_part[];
    v_arguments jsonb[];
    v_inquiries bigint[];
    v_counts bigint[] := '{}';
    -- Those that are asked by themselves: without a port, or with many rows.
    v_alone integer[];
    v_parts ctaudit.asked_part[];
    v_group ctaudit.asked_part[];
    v_answered integer[] := '{}';
    v_found ctaudit.connection[] := '{}';
    v_passed_on integer[];
    v record;
    v_row record;
    v_kept ctaudit.connection[];
    v_nearer ctaudit.connection[];
BEGIN
    SELECT
        coalesce(array_agg(ROW(
            u.place, u.asked_from, u.asked_until, u.address, u.port, u.remote, u.remote_port,
            u.proto, u.node, c.outward, c.inward, NULL, NULL, NULL
        )::ctaudit.asked_part ORDER BY u.place), '{}'),
        coalesce(array_agg(ctaudit.who_arguments(
            u.address, u.port, u.asked_from, u.asked_until, u.remote, u.remote_port, u.proto,
            u.node, u.zone
        ) ORDER BY u.place), '{}'),
        coalesce(array_agg(u.place) FILTER (WHERE u.port IS NULL), '{}')
    INTO v_questions, v_arguments, v_alone
    FROM (
        SELECT
            q.place::integer AS place, ctaudit.plain_address(q.address) AS address, q.port,
            q.asked_from, q.asked_until, ctaudit.plain_address(q.remote) AS remote, q.remote_port,
            q.proto, q.node, q.zone
        FROM unnest(
            p_addresses, p_ports, p_from, p_until, p_remotes, p_remote_ports, p_protos, p_nodes,
            p_zones
        ) WITH ORDINALITY AS q (
            address, port, asked_from, asked_until, remote, remote_port, proto, node, zone, place
        )
    ) AS u
    CROSS JOIN LATERAL ctaudit.who_conditions(
        u.address, u.port, u.remote, u.remote_port, u.proto, u.zone
    ) AS c;
    v_inquiries := ctaudit.note_questions('who', v_arguments, ARRAY(
        SELECT n FROM generate_series(1, cardinality(v_arguments)) AS n
    ));
    IF array_position(v_inquiries, NULL) IS NOT NULL THEN
        RETURN;
    END IF;
    v_parts := ARRAY(
        SELECT p FROM ctaudit.asked_parts(v_questions) AS p WHERE p.port IS NOT NULL
    );
    FOR v_group IN
        -- A node whose dumps do not bound the question does not widen it for the others.
        SELECT array_agg(u.part ORDER BY (u.part).question)
        FROM (
            SELECT
                p AS part, p.outward, p.inward, (p.needed).dump_before IS NULL AS is_first,
                (p.needed).all_ends, min(b.lower) OVER question AS lower,
                max(b.upper) OVER question AS upper
            FROM unnest(v_parts) AS p CROSS JOIN LATERAL ctaudit.receipt_bounds(p.needed) AS b
            WINDOW question AS (
                PARTITION BY p.question, (p.needed).dump_before IS NULL, (p.needed).all_ends
            )
        ) AS u
        -- Nearly all need rows of one day or two.
        GROUP BY u.outward, u.inward, u.is_first, u.all_ends, date_trunc('day', u.lower, 'UTC'), CASE
            WHEN u.upper >= date_trunc('day', u.lower, 'UTC') + interval '2 days'
                THEN date_trunc('day', u.upper, 'UTC')
        END
    LOOP
        FOR v_row IN
            SELECT (r.part).question, r.seen IS NULL AS is_large, a.answer
            FROM ctaudit.asked_rows(v_group, c_rows + 1) AS r
            LEFT JOIN LATERAL (
                SELECT c AS answer FROM ctaudit.answer_part(r.part, r.seen) AS c
                WHERE CASE WHEN (r.part).node IS NULL AND NOT c.exact
                    THEN NOT ctaudit.ended_on_pair(c, (r.part).asked_from) ELSE true END
            ) AS a ON r.seen IS NOT NULL
        LOOP
            IF v_row.is_large THEN
                v_alone := v_alone || v_row.question;
            ELSIF NOT v_row.answer IS NULL THEN
                v_answered := v_answered || v_row.question;
                v_found := v_found || v_row.answer;
            END IF;
        END LOOP;
    END LOOP;
    FOR v_row IN
        SELECT p.question, a AS answer
        FROM unnest(v_parts) AS p
        CROSS JOIN LATERAL ctaudit.ask_aggregates(
            (p.needed).node, (p.needed).node_id, p.asked_from, p.asked_until,
            (p.needed).ends_until, p.outward, p.inward, p.own, p.address, p.port, p.remote,
            p.remote_port, p.proto
        ) AS a
        WHERE p.aggregated AND CASE WHEN p.node IS NULL AND NOT a.exact
            THEN NOT ctaudit.ended_on_pair(a, p.asked_from) ELSE true END
    LOOP
        v_answered := v_answered || v_row.question;
        v_found := v_found || v_row.answer;
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
                SELECT * FROM ctaudit.answer_who(
                    v.address, v.port, v.asked_from, v.asked_until, v.remote, v.remote_port, v.proto,
                    v.node, v.outward, v.inward
                )
            )
            SELECT
                (SELECT count(*) FROM found), (SELECT array_agg(DISTINCT f.host) FROM found AS f),
                ARRAY(
                    SELECT f::ctaudit.connection FROM found AS f
                    ORDER BY f.started_at DESC NULLS LAST LIMIT greatest(p_limit, 10)
                )
            INTO answers, hosts, v_kept;
        ELSIF v.question = ANY (v_passed_on) THEN
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
        v_counts := v_counts || answers;
    END LOOP;
    PERFORM ctaudit.note_answer_counts(v_inquiries, 'who', v_arguments, v_counts);
    PERFORM ctaudit.refuse_rewritten();
END
$function$;
