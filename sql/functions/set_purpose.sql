-- Function: ctaudit.set_purpose
-- Says why the questions that follow in this transaction are asked: they are put on record with it.
-- It ends with the transaction, so no later client of a pooler's session asks with it.
-- Parameters:
--   p_case          the reference of the case; NULL or blank: none
--   p_reason        in a few words; NULL or blank: none
--   p_on_behalf_of  the person for whom a front end asks; only a member of ctaudit_front may say so
--   p_announcement  marks a question that is put on record in one transaction and answered in
--                   another, so that it stays on record where the answer is rolled back
--   p_announce      true: of the two, this is the first: questions return no rows
-- Returns: nothing
-- Errors: 22023 a value is too long, or has a control character; 42501 the login is not a front end's
-- Tables touched: none
CREATE OR REPLACE FUNCTION ctaudit.set_purpose(
    p_case text DEFAULT NULL,
    p_reason text DEFAULT NULL,
    p_on_behalf_of text DEFAULT NULL,
    p_announcement uuid DEFAULT NULL,
    p_announce boolean DEFAULT false
)
RETURNS void
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v record;
BEGIN
    FOR v IN SELECT * FROM (VALUES
        ('case', p_case, 200), ('reason', p_reason, 1000), ('on_behalf_of', p_on_behalf_of, 200)
    ) AS s (name, value, longest) LOOP
        IF length(v.value) > v.longest THEN
            RAISE EXCEPTION 'a % of % characters: at most % are kept', v.name, length(v.value),
                v.longest USING ERRCODE = '22023';
        ELSIF v.value ~ '[[:cntrl:]]' THEN
            RAISE EXCEPTION 'the % has a control character: write it in one line', v.name
                USING ERRCODE = '22023';
        END IF;
    END LOOP;
    PERFORM ctaudit.refuse_stranger(p_on_behalf_of);
    PERFORM set_config('ctaudit.purpose', jsonb_strip_nulls(jsonb_build_object(
        'transaction', ctaudit.transaction_mark(), 'case', nullif(btrim(p_case), ''),
        'reason', nullif(btrim(p_reason), ''), 'on_behalf_of', nullif(btrim(p_on_behalf_of), ''),
        'announcement', p_announcement, 'announce', p_announce
    ))::text, true);
END
$function$;
