-- Function: ctaudit.note_answer_counts
-- Puts on record how many answers questions had: in rows of their own, which are rolled back with
-- the answers, and with each question in the log of the server, which the caller cannot silence
-- (log_min_messages is a superuser's).
-- Parameters: equally long, but p_question
--   p_inquiries   as ctaudit.note_questions returned them
--   p_question, p_arguments   as they were given to it
--   p_answers   how many rows were returned for each, NULL: they were not counted
-- Returns: nothing
-- Tables touched: inquiry_answer (written)
CREATE OR REPLACE FUNCTION ctaudit.note_answer_counts(
    p_inquiries bigint[],
    p_question text,
    p_arguments jsonb[],
    p_answers bigint[]
)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_purpose CONSTANT jsonb := coalesce(ctaudit.purpose(), '{}');
    v_why CONSTANT text := coalesce(' ' || nullif(
        v_purpose - '{transaction, announcement, announce, number}'::text[], '{}'
    )::text, '');
BEGIN
    FOR i IN 1 .. cardinality(p_inquiries) LOOP
        RAISE LOG 'ctaudit: % asked %(%)%: % answers', session_user, p_question,
            jsonb_strip_nulls(p_arguments[i]), v_why, coalesce(p_answers[i]::text, 'uncounted');
    END LOOP;
    -- On a hot standby none has a number.
    IF 0 < ANY (p_inquiries) THEN
        INSERT INTO ctaudit.inquiry_answer (inquiry_id, answers, number)
        SELECT u.inquiry, u.answers, (v_purpose ->> 'number')::uuid
        FROM unnest(p_inquiries, p_answers) AS u (inquiry, answers)
        WHERE u.inquiry > 0
        -- A front has sent the question again.
        ON CONFLICT (inquiry_id) DO NOTHING;
    END IF;
END
$function$;
