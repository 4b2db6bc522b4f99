-- Function: ctaudit.shell_word
-- Parameters: p_text
-- Returns: the text as one word of a command that is pasted into a shell
-- Tables touched: none
CREATE OR REPLACE FUNCTION ctaudit.shell_word(p_text text)
RETURNS text
LANGUAGE sql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
SET standard_conforming_strings = on
AS $function$
    SELECT CASE WHEN p_text ~ '^[A-Za-z0-9_][A-Za-z0-9._-]*$' THEN p_text
        ELSE '''' || replace(p_text, '''', '''\''''') || '''' END;
$function$;
