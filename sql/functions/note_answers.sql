-- Function: ctaudit.note_answers
-- One question of ctaudit.note_answer_counts.
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
BEGIN
    PERFORM ctaudit.note_answer_counts(
        ARRAY[p_inquiry], p_question, ARRAY[p_arguments], ARRAY[p_answers]
    );
END
$function$;
