-- Function: ctaudit.passed_on
-- For a front: which connections of this store carried the same packets as those that were found,
-- nearer to the host (ctaudit.nearer). The others may have been found in other stores.
-- What is found here is on record as an inquiry "passed on", with the arguments of the question.
-- Parameters: equally long
--   p_questions   as parameters of ctaudit.who by their names
--   p_found       the connections that were found for each, at most ten
--   p_with_holder   with who had the internal address, on record as by ctaudit.who_and_holder
-- Returns: question, its place from 0; connection; holder as ctaudit.holder_of says it, or NULL
-- Errors: 42501 the login is not a front's
-- Tables touched: inquiry, inquiry_answer (written); holder, those of ctaudit.ask (read)
CREATE OR REPLACE FUNCTION ctaudit.passed_on(p_questions jsonb, p_found jsonb, p_with_holder boolean)
RETURNS TABLE (question integer, connection ctaudit.connection, holder jsonb)
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_has_holders CONSTANT boolean := p_with_holder AND EXISTS (SELECT FROM ctaudit.holder);
    v_asked ctaudit.asked_part[];
    v_answered integer[] := '{}';
    v_found ctaudit.connection[] := '{}';
    v_further integer[];
    v_arguments jsonb;
    v_answers bigint;
    v_named bigint;
    v record;
BEGIN
    FOR v IN SELECT f.each, f.nth::integer FROM jsonb_array_elements(p_found)
        WITH ORDINALITY AS f (each, nth)
    LOOP
        v_found := v_found || ARRAY(
            SELECT c FROM jsonb_populate_recordset(NULL::ctaudit.connection, v.each) AS c
        );
        v_answered := v_answered || array_fill(v.nth, ARRAY[jsonb_array_length(v.each)]);
    END LOOP;
    v_asked := ARRAY(
        SELECT ROW(
            q.nth, q.each ->> 'p_from', q.each ->> 'p_until', NULL, NULL, NULL, NULL, NULL, NULL,
            NULL, NULL, NULL, NULL, NULL
        )::ctaudit.asked_part
        FROM jsonb_array_elements(p_questions) WITH ORDINALITY AS q (each, nth)
    );
    v_further := ARRAY(SELECT f FROM ctaudit.asked_further(
        v_answered, v_found, ARRAY(SELECT p FROM ctaudit.asked_parts(v_asked) AS p)
    ) AS f);
    FOR v IN
        SELECT q.nth::integer AS nth, q.each, ARRAY(
            SELECT u.c FROM (SELECT unnest(v_answered) AS nth, unnest(v_found) AS c) AS u
            WHERE u.nth = q.nth
        ) AS found
        FROM jsonb_array_elements(p_questions) WITH ORDINALITY AS q (each, nth)
        WHERE q.nth = ANY (v_further) ORDER BY q.nth
    LOOP
        v_answers := 0;
        v_named := 0;
        FOR connection IN SELECT n.* FROM ctaudit.nearer(
            v.found, (v.each ->> 'p_from')::timestamptz, (v.each ->> 'p_until')::timestamptz
        ) AS n LOOP
            question := v.nth - 1;
            holder := CASE WHEN v_has_holders
                THEN ctaudit.holder_of(connection, (v.each ->> 'p_until')::timestamptz) END;
            v_answers := v_answers + 1;
            v_named := v_named + (holder ->> 'name' IS NOT NULL)::integer;
            RETURN NEXT;
        END LOOP;
        CONTINUE WHEN v_answers = 0;
        v_arguments := ctaudit.who_arguments(
            (v.each ->> 'p_address')::inet, (v.each ->> 'p_port')::integer,
            (v.each ->> 'p_from')::timestamptz, (v.each ->> 'p_until')::timestamptz,
            (v.each ->> 'p_remote')::inet, (v.each ->> 'p_remote_port')::integer,
            (v.each ->> 'p_proto')::smallint, v.each ->> 'p_node', (v.each ->> 'p_zone')::integer
        );
        PERFORM ctaudit.note_answers(
            ctaudit.note_question('passed on', v_arguments), 'passed on', v_arguments, v_answers
        );
        IF v_named > 0 THEN
            PERFORM ctaudit.note_answers(
                ctaudit.note_question('holder', v_arguments), 'holder', v_arguments, v_named
            );
        END IF;
    END LOOP;
    PERFORM ctaudit.refuse_rewritten();
END
$function$;
