-- Function: ctaudit.note_inquiry
-- Records a question in the log of the server, which the caller cannot silence (log_min_messages
-- is a superuser's), and in ctaudit.inquiry. A hot standby cannot write: there the log alone has
-- it, and also where the caller's transaction is rolled back. A read-only transaction elsewhere
-- has no reason: it is refused.
-- Parameters: p_question   the function asked; p_arguments; p_answers   how many rows it returned,
--   NULL: they were not counted
-- Returns: nothing
-- Errors: 25006 the transaction is read-only
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
        session_user, p_question, jsonb_strip_nulls(p_arguments), coalesce(p_answers::text, 'uncounted');
    IF pg_is_in_recovery() THEN
        RETURN;
    ELSIF current_setting('transaction_read_only') = 'on' THEN
        RAISE EXCEPTION 'each question is put on record, which a read-only transaction cannot do; '
            'begin it READ WRITE' USING ERRCODE = '25006';
    END IF;
    INSERT INTO ctaudit.inquiry (client, application, question, arguments, answers)
    VALUES (
        inet_client_addr(), current_setting('application_name'), p_question,
        jsonb_strip_nulls(p_arguments), p_answers
    );
END
$function$;
