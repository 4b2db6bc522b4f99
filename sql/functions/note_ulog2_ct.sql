-- Function: ctaudit.note_ulog2_ct
-- Records a query of the view ctaudit.ulog2_ct as an inquiry, with its text, before it reads the
-- first row. Its rows are not counted. The server passes the values of a query's parameters ($1)
-- to nobody, so a query with parameters is refused: it would put on record that something was
-- asked for, but not what. FETCH, COMMIT and EXECUTE say little: the statements of
-- cursors and of prepared ones are put on record with them.
-- Parameters: none
-- Returns: true; false: the query is only announced, and reads no rows
-- Errors: 0A000 the query has parameters; CT006, 25006 as ctaudit.note_question
-- Tables touched: inquiry, inquiry_answer (written)
CREATE OR REPLACE FUNCTION ctaudit.note_ulog2_ct()
RETURNS boolean
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- Else a session's setting could change what the patterns below say.
SET standard_conforming_strings = on
AS $function$
DECLARE
    v_asked text := current_query();
    v_cursors text[] := ARRAY(
        SELECT c.statement FROM pg_cursors AS c WHERE c.statement <> v_asked
    );
    v_prepared text[] := ARRAY(
        SELECT p.statement FROM pg_prepared_statements AS p
        WHERE v_asked ~* '\mexecute\M' AND p.statement <> v_asked
            AND (strpos(v_asked, p.name) > 0 OR p.statement ~* 'ulog2_ct')
    );
    v_statement text;
    v_arguments jsonb;
    v_inquiry bigint;
BEGIN
    FOREACH v_statement IN ARRAY v_asked || v_cursors LOOP
        -- $1 is no parameter in a string literal. Where its end is uncertain, it stays.
        IF v_statement !~ '--|/\*|\\|"|\$[^\d]' THEN
            v_statement := regexp_replace(v_statement, '''[^'']*''', '', 'g');
        END IF;
        IF v_statement ~ '\$\d' THEN
            RAISE EXCEPTION 'a query of ulog2_ct is put on record with its text, which lacks the '
                'values of its parameters' USING ERRCODE = '0A000',
                HINT = 'Have the client write the values into the text (psycopg: ClientCursor; '
                'JDBC: preferQueryMode=simple).';
        END IF;
    END LOOP;
    v_arguments := jsonb_build_object(
        'query', v_asked, 'statements', to_jsonb(nullif(v_cursors || v_prepared, '{}'))
    );
    v_inquiry := ctaudit.note_question('ulog2_ct', v_arguments);
    IF v_inquiry IS NULL THEN
        RETURN false;
    END IF;
    PERFORM ctaudit.note_answers(v_inquiry, 'ulog2_ct', v_arguments, NULL);
    RETURN true;
END
$function$;
