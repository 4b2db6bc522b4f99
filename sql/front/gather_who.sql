-- Function: ctaudit.gather_who
-- The answers of all stores to questions of who. Each store says in the same snapshot how complete
-- its record is, which is kept for ctaudit.completeness_for. Where few connections are found, all
-- stores are asked who has seen the same packets nearer to the host (ctaudit.passed_on there), until
-- none has.
-- Parameters:
--   p_name        who, who_and_holder, who_batch or who_batch_and_holder
--   p_questions   an array of ctaudit.question_arguments
--   p_limit       of each question at most so many connections get a holder, the latest; of a batch, are
--                 answers
-- Returns: question, its place from 1; answers, how many there are; hosts of all of them; connection;
--   holder. Of each question the latest connection first
-- Tables touched: pg_temp.ctaudit_kept
CREATE OR REPLACE FUNCTION ctaudit.gather_who(
    p_name text,
    p_questions jsonb,
    p_limit integer
)
RETURNS TABLE (
    question integer,
    answers bigint,
    hosts inet[],
    connection ctaudit.connection,
    holder jsonb
)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET DateStyle = 'ISO, YMD'
SET TimeZone = 'UTC'
AS $function$
#variable_conflict use_column
DECLARE
    c_most CONSTANT integer := 10;
    c_cap CONSTANT integer := 100000;
    -- Of this call, among those of the transaction.
    v_call CONSTANT text := gen_random_uuid();
    v_is_batch CONSTANT boolean := p_name LIKE 'who_batch%';
    v_items jsonb := jsonb_build_array(jsonb_build_object(
        'name', p_name, 'each', ctaudit.who_call(p_name, p_questions, p_limit), 'cap', c_cap + 1
    ));
    v_nodes CONSTANT text[] := ARRAY(
        SELECT DISTINCT q ->> 'p_node' FROM jsonb_array_elements(p_questions) AS q
    );
    v_round integer := 0;
    v_asked jsonb;
    v_found jsonb;
    v_places integer[];
BEGIN
    PERFORM ctaudit.make_kept();
    IF coalesce((ctaudit.purpose() ->> 'announce')::boolean, false) THEN
        PERFORM FROM ctaudit.ask_stores(v_items, v_is_batch, p_nodes => v_nodes);
        RETURN;
    END IF;
    v_items := v_items || jsonb_build_array(
        jsonb_build_object('name', 'completeness_for', 'each', p_questions, 'by_protocol', true),
        jsonb_build_object('name', 'imports', 'each', ctaudit.imports_call(p_questions))
    );
    INSERT INTO pg_temp.ctaudit_kept (kind, question, store_id, value)
    SELECT
        CASE a.item WHEN 0 THEN 'found' WHEN 1 THEN 'coverage' ELSE 'import' END, v_call,
        a.store_id,
        CASE
            WHEN a.item > 0 THEN jsonb_build_object('place', a.place, 'row', a.value)
            WHEN v_is_batch THEN a.value || '{"round": 0}'
            WHEN p_name = 'who' THEN
                jsonb_build_object('question', 1, 'round', 0, 'connection', a.value)
            ELSE a.value || '{"question": 1, "round": 0}'
        END
    FROM ctaudit.ask_stores(v_items, v_is_batch, p_nodes => v_nodes) AS a;
    IF (
        SELECT count(*) > c_cap FROM pg_temp.ctaudit_kept AS k
        WHERE k.kind = 'found' AND k.question = v_call
    ) THEN
        RAISE EXCEPTION 'more than % connections: ask for a shorter span, or for a port', c_cap
            USING ERRCODE = '54000';
    END IF;
    PERFORM ctaudit.keep_coverage(v_call, p_questions);
    PERFORM ctaudit.keep_imports(v_call, p_questions);
    -- What a gateway had open as it moved away is over, where the complete record of another store
    -- does not have it.
    WITH said AS MATERIALIZED (
        SELECT k.store_id, k.arguments, c.node, c.complete, coalesce(
            c.elsewhere @> tstzrange(k.asked_from, k.asked_until), false) AS is_elsewhere
        FROM pg_temp.ctaudit_kept AS k, LATERAL jsonb_to_record(k.value) AS c (
            node text, complete boolean, elsewhere tstzmultirange
        )
        WHERE k.kind = 'row' AND k.value ->> 'call' = v_call
    )
    UPDATE pg_temp.ctaudit_kept AS k SET value = k.value || '{"is_past": true}'
    FROM said AS s
    WHERE k.kind = 'found' AND k.question = v_call AND s.is_elsewhere AND s.store_id = k.store_id
        AND s.node = k.value -> 'connection' ->> 'node'
        AND s.arguments = p_questions -> ((k.value ->> 'question')::integer - 1)
        AND EXISTS (
            SELECT FROM said AS o
            WHERE o.store_id <> s.store_id AND o.node = s.node AND o.arguments = s.arguments
                AND o.complete AND NOT o.is_elsewhere
        );
    -- With many, none is looked for nearer to the host: a store that has few of them has done so.
    DELETE FROM pg_temp.ctaudit_kept AS k
    USING ctaudit.found_connections(v_call) AS f
    WHERE k.kind = 'found' AND k.question = v_call AND f.answers > c_most
        AND (k.value ->> 'question')::integer = f.question
        AND NOT ctaudit.has_address(k.value -> 'connection', p_questions -> (f.question - 1));
    -- Of a single store it has looked for them itself.
    WHILE (SELECT count(*) > 1 FROM ctaudit.store AS s WHERE s.gone_at IS NULL) LOOP
        SELECT
            array_agg(f.question ORDER BY f.question),
            jsonb_agg(p_questions -> (f.question - 1) || jsonb_build_object(
                'p_hosts', f.hosts::text, 'p_hosts_from', f.hosts_from::text
            ) ORDER BY f.question),
            jsonb_agg(f.found ORDER BY f.question)
        INTO v_places, v_asked, v_found
        FROM ctaudit.found_connections(v_call) AS f
        WHERE f.answers <= c_most AND f.last_round = v_round;
        EXIT WHEN v_places IS NULL;
        v_round := v_round + 1;
        INSERT INTO pg_temp.ctaudit_kept (kind, question, store_id, value)
        SELECT
            CASE a.item WHEN 0 THEN 'found' ELSE 'coverage' END, v_call, a.store_id,
            CASE a.item WHEN 1 THEN jsonb_build_object('place', a.place, 'row', a.value)
                ELSE a.value || jsonb_build_object(
                    'question', v_places[(a.value ->> 'question')::integer + 1], 'round', v_round
                ) END
        FROM ctaudit.ask_stores(jsonb_build_array(
            jsonb_build_object('name', 'passed_on', 'each', jsonb_build_array(jsonb_build_object(
                'p_questions', v_asked, 'p_found', v_found,
                'p_with_holder', (p_name LIKE '%holder')::text
            ))),
            jsonb_build_object('name', 'completeness_for', 'each', v_asked)
        ), v_is_batch) AS a;
        PERFORM ctaudit.keep_coverage(v_call, v_asked);
    END LOOP;
    RETURN QUERY SELECT * FROM ctaudit.joined_connections(
        v_call, CASE WHEN v_is_batch THEN p_limit END
    );
END
$function$;
