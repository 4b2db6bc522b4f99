-- Function: ctaudit.refuse_stranger
-- Refuses a login that names a person for whom it asks, and is not a front end's.
-- Parameters: p_on_behalf_of   the person; NULL or blank: nobody is named
-- Returns: nothing
-- Errors: 42501
-- Tables touched: none
CREATE OR REPLACE FUNCTION ctaudit.refuse_stranger(p_on_behalf_of text)
RETURNS void
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    IF btrim(p_on_behalf_of) <> '' AND NOT pg_has_role(session_user, 'ctaudit_front', 'MEMBER') THEN
        RAISE EXCEPTION 'the login % may not name a person for whom it asks', session_user
            USING ERRCODE = '42501', HINT = 'Only a member of ctaudit_front may.';
    END IF;
END
$function$;
