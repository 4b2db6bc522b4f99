-- Function: ctaudit.note_inquiry
-- Records a question in ctaudit.inquiry, and in the log of the server, where it stays even if
-- the transaction is rolled back or the server is a standby, which cannot write.
-- Parameters: p_question   the function asked; p_arguments; p_answers   how many rows it returned
-- Returns: nothing
-- Tables touched: inquiry
CREATE OR REPLACE FUNCTION ctaudit.note_inquiry(
    p_question text,
    p_arguments jsonb,
    p_answers bigint
)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    RAISE LOG 'ctaudit: % asked %(%): % answers',
        session_user, p_question, jsonb_strip_nulls(p_arguments), p_answers;
    IF NOT pg_is_in_recovery() AND current_setting('transaction_read_only') = 'off' THEN
        INSERT INTO ctaudit.inquiry (client, application, question, arguments, answers)
        VALUES (
            inet_client_addr(), current_setting('application_name'), p_question,
            jsonb_strip_nulls(p_arguments), p_answers
        );
    END IF;
END
$function$;
