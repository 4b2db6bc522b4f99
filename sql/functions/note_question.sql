-- Function: ctaudit.note_question
-- Puts a question on record, with what ctaudit.set_purpose said, before it is answered. A hot
-- standby cannot write: there the server's log alone has it (ctaudit.note_answers), and also where
-- the caller's transaction is rolled back and the question was not announced in one before. A
-- read-only transaction elsewhere has no reason: it is refused.
-- A front sends a question again where it does not know whether it came: what has its number is
-- found, and not put on record twice; so is what was announced.
-- Parameters: p_question   the function asked; p_arguments; p_others   inquiries that are other
--   questions, which may be equal and have no answers yet
-- Returns: the inquiry, for ctaudit.note_answers; 0 on a hot standby; NULL: the question is only
--   announced, and not to be answered
-- Errors: 23505 a call with the same number is committed meanwhile: it is to be sent again;
--   CT006 a case and a reason are required; 25006 the transaction is read-only; as
--   ctaudit.purpose
-- Tables touched: inquiry, inquiry_call (written); inquiry_answer (read); by ctaudit.requires_reason: inquiry_rule
--   (read)
DROP FUNCTION IF EXISTS ctaudit.note_inquiry(text, jsonb, bigint);
CREATE OR REPLACE FUNCTION ctaudit.note_question(
    p_question text,
    p_arguments jsonb,
    p_others bigint[] DEFAULT '{}'
)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_arguments jsonb := jsonb_strip_nulls(p_arguments);
    v_purpose jsonb := coalesce(ctaudit.purpose(), '{}');
    v_announcement uuid := v_purpose ->> 'announcement';
    v_announces boolean := coalesce((v_purpose ->> 'announce')::boolean, false);
    -- From a front alone: who asks a store himself has each of his questions on record.
    v_number uuid := CASE WHEN pg_has_role(session_user, 'ctaudit_front', 'MEMBER')
        THEN v_purpose ->> 'number' END;
    v_place integer := cardinality(p_others) + 1;
    v_hash bigint := jsonb_hash_extended(v_arguments, 0);
    v_call uuid;
    v_inquiry bigint;
BEGIN
    IF NOT v_purpose ?& '{case, reason}' AND ctaudit.requires_reason() THEN
        RAISE LOG 'ctaudit: % asked %(%): refused, for lack of a reason',
            session_user, p_question, v_arguments;
        RAISE EXCEPTION 'this record answers no question without a case and a reason'
            USING ERRCODE = 'CT006', HINT = 'In the transaction of the question, first: '
                'SELECT ctaudit.set_purpose(''CASE'', ''REASON'').';
    ELSIF pg_is_in_recovery() THEN
        RETURN CASE WHEN NOT v_announces THEN 0 END;
    ELSIF current_setting('transaction_read_only') = 'on' THEN
        RAISE LOG 'ctaudit: % asked %(%): refused, in a read-only transaction',
            session_user, p_question, v_arguments;
        RAISE EXCEPTION 'each question is put on record, which a read-only transaction cannot do; '
            'begin it READ WRITE' USING ERRCODE = '25006';
    END IF;
    IF v_number IS NOT NULL THEN
        SELECT q.inquiry_id INTO v_inquiry
        FROM ctaudit.inquiry_call AS c
        JOIN ctaudit.inquiry AS q ON q.inquiry_id = c.inquiry_id
        LEFT JOIN ctaudit.inquiry_answer AS a ON a.inquiry_id = c.inquiry_id
        WHERE c.number IN (v_number, v_announcement) AND c.question = p_question
            AND c.place = v_place AND c.arguments_hash = v_hash
            AND q.arguments = v_arguments AND q.asked_by = session_user
            AND (q.case_reference, q.reason, q.on_behalf_of) IS NOT DISTINCT FROM
                (v_purpose ->> 'case', v_purpose ->> 'reason', v_purpose ->> 'on_behalf_of')
            AND (v_announces OR a.inquiry_id IS NULL OR a.number = v_number)
        ORDER BY c.number = v_number DESC LIMIT 1;
        -- The announcement and its answer may come at once, where the store was slow: one of them
        -- finds the key in its way. What is asked once more is a question of its own.
        v_call := CASE WHEN v_announcement IS NULL OR EXISTS (
            SELECT FROM ctaudit.inquiry_call AS c
            WHERE c.number = v_announcement AND c.question = p_question AND c.place = v_place
                AND c.arguments_hash = v_hash
        ) THEN v_number ELSE v_announcement END;
    ELSIF v_announcement IS NOT NULL AND NOT v_announces THEN
        SELECT q.inquiry_id INTO v_inquiry FROM ctaudit.inquiry AS q
        WHERE q.announcement = v_announcement AND jsonb_hash(q.arguments) = jsonb_hash(v_arguments)
            AND q.asked_by = session_user
            AND q.question = p_question AND q.arguments = v_arguments
            AND (q.case_reference, q.reason, q.on_behalf_of) IS NOT DISTINCT FROM
                (v_purpose ->> 'case', v_purpose ->> 'reason', v_purpose ->> 'on_behalf_of')
            AND q.inquiry_id <> ALL (p_others) AND NOT EXISTS (
                SELECT FROM ctaudit.inquiry_answer AS a WHERE a.inquiry_id = q.inquiry_id
            )
        ORDER BY q.inquiry_id LIMIT 1;
    END IF;
    IF v_inquiry IS NULL THEN
        INSERT INTO ctaudit.inquiry AS q (
            client, application, question, arguments, case_reference, reason, on_behalf_of,
            announcement
        )
        VALUES (
            inet_client_addr(), current_setting('application_name'), p_question, v_arguments,
            v_purpose ->> 'case', v_purpose ->> 'reason', v_purpose ->> 'on_behalf_of',
            CASE WHEN v_announces THEN v_announcement END
        )
        RETURNING q.inquiry_id INTO v_inquiry;
        IF v_number IS NOT NULL THEN
            INSERT INTO ctaudit.inquiry_call (number, question, place, arguments_hash, inquiry_id)
            VALUES (v_call, p_question, v_place, v_hash, v_inquiry);
        END IF;
    END IF;
    RETURN CASE WHEN NOT v_announces THEN v_inquiry END;
END
$function$;
