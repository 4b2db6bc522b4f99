-- Function: ctaudit.purpose
-- What ctaudit.set_purpose said in this transaction. A setting of the session is refused: behind a
-- pooler it would be another client's.
-- Parameters: none
-- Returns: an object with transaction, case, reason, on_behalf_of, announcement, announce as far as
--   they were said; NULL: nothing was
-- Errors: 22023 ctaudit.purpose was set otherwise than by ctaudit.set_purpose in this transaction;
--   42501 as ctaudit.refuse_stranger
-- Tables touched: none
CREATE OR REPLACE FUNCTION ctaudit.purpose()
RETURNS jsonb
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_text text := nullif(current_setting('ctaudit.purpose', true), '');
    v_purpose jsonb;
BEGIN
    IF v_text IS NULL THEN
        RETURN NULL;
    END IF;
    BEGIN
        v_purpose := v_text::jsonb;
    EXCEPTION WHEN data_exception THEN
        v_purpose := NULL;
    END;
    IF v_purpose ->> 'transaction' IS DISTINCT FROM ctaudit.transaction_mark() THEN
        RAISE EXCEPTION 'ctaudit.purpose is set for the session, and would be that of later '
            'questions too' USING ERRCODE = '22023',
            HINT = 'RESET ctaudit.purpose, and in the transaction of each question: '
                'SELECT ctaudit.set_purpose(''CASE'', ''REASON'').';
    END IF;
    PERFORM ctaudit.refuse_stranger(v_purpose ->> 'on_behalf_of');
    RETURN v_purpose;
END
$function$;
