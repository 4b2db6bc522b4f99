-- Function: ctaudit.note_question
-- One question of ctaudit.note_questions.
-- Parameters: p_question   the function asked; p_arguments
-- Returns: the inquiry, for ctaudit.note_answers; as ctaudit.note_questions
-- Errors: as ctaudit.note_questions
-- Tables touched: as ctaudit.note_questions
DROP FUNCTION IF EXISTS ctaudit.note_inquiry(text, jsonb, bigint);
CREATE OR REPLACE FUNCTION ctaudit.note_question(p_question text, p_arguments jsonb)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    RETURN (ctaudit.note_questions(p_question, ARRAY[p_arguments], '{1}'))[1];
END
$function$;
