-- Function: ctaudit.make_kept
-- The temporary table of what this transaction has heard from the stores; it is emptied when the
-- transaction ends. It is the owner's, so that who asks cannot write into it.
-- Parameters: none
-- Returns: nothing
-- Errors: 42501 a table of that name is another login's
-- Tables touched: pg_temp.ctaudit_kept (made)
CREATE OR REPLACE FUNCTION ctaudit.make_kept()
RETURNS void
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET client_min_messages = warning
AS $function$
DECLARE
    v_owner name := (
        SELECT c.relowner::regrole::text FROM pg_class AS c
        WHERE c.relnamespace = pg_my_temp_schema() AND c.relname = 'ctaudit_kept'
    );
BEGIN
    IF v_owner IS NULL THEN
        CREATE TEMPORARY TABLE ctaudit_kept (
            -- unreached: a store that did not answer, and why in value; asked: a question of
            -- completeness_for whose rows are kept; row: one of these rows
            kind text NOT NULL,
            -- Of asked and row: the question with the hosts; without them; its span.
            question text,
            arguments jsonb,
            asked_from timestamptz,
            asked_until timestamptz,
            store_id smallint,
            value jsonb
        ) ON COMMIT DELETE ROWS;
        CREATE INDEX ON ctaudit_kept (asked_from, asked_until);
    ELSIF v_owner <> current_user THEN
        RAISE EXCEPTION 'the temporary table ctaudit_kept is in the way' USING ERRCODE = '42501',
            HINT = 'DROP TABLE pg_temp.ctaudit_kept.';
    END IF;
END
$function$;
-- The functions that follow are checked against it.
SELECT ctaudit.make_kept();
