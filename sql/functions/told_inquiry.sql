-- Function: ctaudit.told_inquiry
-- The server replaces a call by the query below; it does so only while the function is plain SQL
-- without a SET clause.
-- Parameters: p_inquiry; p_answer   NULL: it was not answered
-- Returns: one row, the question as it is shown
-- Tables touched: none
CREATE OR REPLACE FUNCTION ctaudit.told_inquiry(
    p_inquiry ctaudit.inquiry,
    p_answer ctaudit.inquiry_answer
)
RETURNS SETOF ctaudit.told_inquiry
LANGUAGE sql
STABLE
AS $function$
    SELECT
        p_inquiry.inquiry_id, p_inquiry.asked_at, p_inquiry.asked_by, p_inquiry.on_behalf_of,
        p_inquiry.client, p_inquiry.application, p_inquiry.case_reference, p_inquiry.reason,
        p_inquiry.question, p_inquiry.arguments, coalesce(p_answer.answers, p_inquiry.answers),
        p_answer.answered_at;
$function$;
