-- Function: ctaudit.note_ulog2_ct
-- Records a query of the view ctaudit.ulog2_ct as an inquiry, with its text, before it reads the
-- first row. Its rows are not counted. The server passes the values of a query's parameters ($1)
-- to nobody, so a query with parameters is refused: it would put on record that something was
-- asked for, but not what.
-- Parameters: none
-- Returns: true
-- Errors: 0A000 the query has parameters; 25006 as ctaudit.note_inquiry
-- Tables touched: inquiry (written)
CREATE OR REPLACE FUNCTION ctaudit.note_ulog2_ct()
RETURNS boolean
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    -- Without string literals, in which $1 is no parameter.
    v_bare text := regexp_replace(current_query(), '''[^'']*''', '', 'g');
BEGIN
    IF v_bare ~ '\$\d' THEN
        RAISE EXCEPTION 'a query of ulog2_ct is put on record with its text, which lacks the values '
            'of its parameters' USING ERRCODE = '0A000',
            HINT = 'Have the client write the values into the text (psycopg: ClientCursor; JDBC: '
            'preferQueryMode=simple).';
    END IF;
    PERFORM ctaudit.note_inquiry('ulog2_ct', jsonb_build_object('query', current_query()), NULL);
    RETURN true;
END
$function$;
