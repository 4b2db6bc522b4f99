-- Function: ctaudit.call_text
-- The query that calls a function of this schema by the names of its parameters.
-- Parameters: p_name   of the function; p_arguments   text by the name of the parameter, of which $1
--   of the query has the values
-- Returns: the query; its column "value" is a row of the function as an object
-- Errors: CT007 the store has no such function, or not with that parameter
-- Tables touched: none but the catalog's
CREATE OR REPLACE FUNCTION ctaudit.call_text(p_name text, p_arguments jsonb)
RETURNS text
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_function pg_proc;
    v_values text;
    v_absent text;
BEGIN
    SELECT f.* INTO v_function FROM pg_proc AS f
    WHERE f.pronamespace = 'ctaudit'::regnamespace AND f.proname = p_name;
    SELECT
        string_agg(format('%I => ($1 ->> %L)::%s', a.key, a.key, format_type(k.type, NULL)), ', '),
        min(a.key) FILTER (WHERE k.type IS NULL)
    INTO v_values, v_absent
    FROM jsonb_object_keys(p_arguments) AS a (key)
    LEFT JOIN unnest(v_function.proargnames, v_function.proargtypes::oid[]) AS k (name, type)
        ON k.name = a.key AND k.type IS NOT NULL;
    IF v_function.oid IS NULL OR v_absent IS NOT NULL THEN
        RAISE EXCEPTION 'it has no function ctaudit.%(%)', p_name, v_absent
            USING ERRCODE = 'CT007', HINT = 'Run ctaudit schema upgrade there.';
    END IF;
    RETURN format('SELECT to_jsonb(r) AS value FROM ctaudit.%I(%s) AS r', p_name, v_values);
END
$function$;
