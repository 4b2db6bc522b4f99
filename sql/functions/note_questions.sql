-- Function: ctaudit.note_questions
-- Puts questions on record, with what ctaudit.set_purpose said, before they are answered. A hot
-- standby cannot write: there the server's log alone has it (ctaudit.note_answer_counts), and also where
-- the caller's transaction is rolled back and the questions were not announced in one before. A
-- read-only transaction elsewhere has no reason: it is refused.
-- A front sends a question again where it does not know whether it came: what has its number is
-- found, and not put on record twice; so is what was announced.
-- Parameters: p_question   the function asked; p_arguments   of each question; they may be equal
--   p_places   of each question its place in the list that a front sent
-- Returns: the inquiries in their order, for ctaudit.note_answer_counts; each is 0 on a hot standby;
--   NULL: the question is only announced, and not to be answered
-- Errors: 23505 a call with the same number is committed meanwhile: it is to be sent again;
--   CT006 a case and a reason are required; 25006 the transaction is read-only; as
--   ctaudit.purpose
-- Tables touched: inquiry, inquiry_call (written); inquiry_answer (read); by ctaudit.requires_reason: inquiry_rule
--   (read)
CREATE OR REPLACE FUNCTION ctaudit.note_questions(
    p_question text,
    p_arguments jsonb[],
    p_places integer[]
)
RETURNS bigint[]
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_arguments CONSTANT jsonb[] := ARRAY(
        SELECT jsonb_strip_nulls(u.a) FROM unnest(p_arguments) WITH ORDINALITY AS u (a, nth)
        ORDER BY u.nth
    );
    v_purpose CONSTANT jsonb := coalesce(ctaudit.purpose(), '{}');
    v_announcement CONSTANT uuid := v_purpose ->> 'announcement';
    v_announces CONSTANT boolean := coalesce((v_purpose ->> 'announce')::boolean, false);
    -- From a front alone: who asks a store himself has each of his questions on record.
    v_number CONSTANT uuid := CASE WHEN pg_has_role(session_user, 'ctaudit_front', 'MEMBER')
        THEN v_purpose ->> 'number' END;
    v_inquiries bigint[] := array_fill(NULL::bigint, ARRAY[cardinality(p_arguments)]);
    v_new integer[];
    v_ids bigint[];
BEGIN
    IF NOT v_purpose ?& '{case, reason}' AND ctaudit.requires_reason() THEN
        RAISE LOG 'ctaudit: % asked %(%): refused, for lack of a reason',
            session_user, p_question, v_arguments[1];
        RAISE EXCEPTION 'this record answers no question without a case and a reason'
            USING ERRCODE = 'CT006', HINT = 'In the transaction of the question, first: '
                'SELECT ctaudit.set_purpose(''CASE'', ''REASON'').';
    ELSIF pg_is_in_recovery() THEN
        RETURN CASE WHEN v_announces THEN v_inquiries
            ELSE array_fill(0::bigint, ARRAY[cardinality(p_arguments)]) END;
    ELSIF current_setting('transaction_read_only') = 'on' THEN
        RAISE LOG 'ctaudit: % asked %(%): refused, in a read-only transaction',
            session_user, p_question, v_arguments[1];
        RAISE EXCEPTION 'each question is put on record, which a read-only transaction cannot do; '
            'begin it READ WRITE' USING ERRCODE = '25006';
    END IF;
    IF v_number IS NOT NULL THEN
        v_inquiries := ARRAY(
            SELECT (
                SELECT q.inquiry_id
                FROM ctaudit.inquiry_call AS c
                JOIN ctaudit.inquiry AS q ON q.inquiry_id = c.inquiry_id
                LEFT JOIN ctaudit.inquiry_answer AS r ON r.inquiry_id = c.inquiry_id
                WHERE c.number IN (v_number, v_announcement) AND c.question = p_question
                    AND c.place = a.place AND c.arguments_hash = jsonb_hash_extended(a.arguments, 0)
                    AND q.arguments = a.arguments AND q.asked_by = session_user
                    AND (q.case_reference, q.reason, q.on_behalf_of) IS NOT DISTINCT FROM
                        (v_purpose ->> 'case', v_purpose ->> 'reason', v_purpose ->> 'on_behalf_of')
                    AND (v_announces OR r.inquiry_id IS NULL OR r.number = v_number)
                ORDER BY c.number = v_number DESC LIMIT 1
            )
            FROM unnest(v_arguments, p_places) WITH ORDINALITY AS a (arguments, place, nth)
            ORDER BY a.nth
        );
    ELSIF v_announcement IS NOT NULL AND NOT v_announces THEN
        -- Of equal questions each has one of its own.
        v_inquiries := ARRAY(
            SELECT k.inquiry_id
            FROM (
                SELECT u.nth, u.a, row_number() OVER (PARTITION BY u.a ORDER BY u.nth) AS equal
                FROM unnest(v_arguments) WITH ORDINALITY AS u (a, nth)
            ) AS a
            LEFT JOIN (
                SELECT q.inquiry_id, q.arguments,
                    row_number() OVER (PARTITION BY q.arguments ORDER BY q.inquiry_id) AS equal
                FROM ctaudit.inquiry AS q
                WHERE q.announcement = v_announcement
                    AND jsonb_hash(q.arguments) = ANY (ARRAY(
                        SELECT jsonb_hash(u.a) FROM unnest(v_arguments) AS u (a)
                    ))
                    AND q.asked_by = session_user AND q.question = p_question
                    AND (q.case_reference, q.reason, q.on_behalf_of) IS NOT DISTINCT FROM
                        (v_purpose ->> 'case', v_purpose ->> 'reason', v_purpose ->> 'on_behalf_of')
                    AND NOT EXISTS (
                        SELECT FROM ctaudit.inquiry_answer AS r WHERE r.inquiry_id = q.inquiry_id
                    )
            ) AS k ON k.arguments = a.a AND k.equal = a.equal
            ORDER BY a.nth
        );
    END IF;
    v_new := ARRAY(
        SELECT i.nth FROM unnest(v_inquiries) WITH ORDINALITY AS i (id, nth)
        WHERE i.id IS NULL ORDER BY i.nth
    );
    IF v_new <> '{}' THEN
        WITH noted AS (
            INSERT INTO ctaudit.inquiry AS q (
                client, application, question, arguments, case_reference, reason, on_behalf_of,
                announcement
            )
            SELECT
                inet_client_addr(), current_setting('application_name'), p_question,
                v_arguments[n.place], v_purpose ->> 'case', v_purpose ->> 'reason',
                v_purpose ->> 'on_behalf_of', CASE WHEN v_announces THEN v_announcement END
            FROM unnest(v_new) AS n (place)
            ORDER BY n.place
            RETURNING q.inquiry_id
        )
        -- Numbered in the order of their insertion.
        SELECT array_agg(n.inquiry_id ORDER BY n.inquiry_id) INTO v_ids FROM noted AS n;
        FOR i IN 1 .. cardinality(v_new) LOOP
            v_inquiries[v_new[i]] := v_ids[i];
        END LOOP;
        -- The announcement and its answer may come at once, where the store was slow: one of them
        -- finds the key in its way. What is asked once more is a question of its own.
        INSERT INTO ctaudit.inquiry_call (number, question, place, arguments_hash, inquiry_id)
        SELECT
            CASE WHEN v_announcement IS NULL OR EXISTS (
                SELECT FROM ctaudit.inquiry_call AS c
                WHERE c.number = v_announcement AND c.question = p_question
                    AND c.place = a.place AND c.arguments_hash = a.hash
            ) THEN v_number ELSE v_announcement END,
            p_question, a.place, a.hash, a.inquiry_id
        FROM (
            SELECT
                p_places[n] AS place, jsonb_hash_extended(v_arguments[n], 0) AS hash,
                v_inquiries[n] AS inquiry_id
            FROM unnest(v_new) AS n
        ) AS a
        WHERE v_number IS NOT NULL;
    END IF;
    RETURN CASE WHEN v_announces
        THEN array_fill(NULL::bigint, ARRAY[cardinality(p_arguments)]) ELSE v_inquiries END;
END
$function$;
