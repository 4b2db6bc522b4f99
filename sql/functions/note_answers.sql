-- Function: ctaudit.note_answers
-- Puts on record how many answers a question had: in a row of its own, which is rolled back with
-- the answers, and with the question in the log of the server, which the caller cannot silence
-- (log_min_messages is a superuser's).
-- Parameters: p_inquiry   as ctaudit.note_question returned it
--   p_question, p_arguments   as they were given to it
--   p_answers   how many rows were returned, NULL: they were not counted
-- Returns: nothing
-- Tables touched: inquiry_answer (written)
CREATE OR REPLACE FUNCTION ctaudit.note_answers(
    p_inquiry bigint,
    p_question text,
    p_arguments jsonb,
    p_answers bigint
)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_why jsonb := nullif(
        coalesce(ctaudit.purpose(), '{}') - '{transaction, announcement, announce, number}'::text[],
        '{}'
    );
BEGIN
    RAISE LOG 'ctaudit: % asked %(%)%: % answers', session_user, p_question,
        jsonb_strip_nulls(p_arguments), coalesce(' ' || v_why::text, ''),
        coalesce(p_answers::text, 'uncounted');
    IF p_inquiry > 0 THEN
        INSERT INTO ctaudit.inquiry_answer (inquiry_id, answers, number)
        VALUES (p_inquiry, p_answers, (ctaudit.purpose() ->> 'number')::uuid)
        -- A front has sent the question again.
        ON CONFLICT (inquiry_id) DO NOTHING;
    END IF;
END
$function$;
