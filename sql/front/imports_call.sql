-- Function: ctaudit.imports_call
-- Parameters: p_questions   as of ctaudit.gather_who
-- Returns: an array of the arguments of ctaudit.imports for them, each once
-- Tables touched: none
CREATE OR REPLACE FUNCTION ctaudit.imports_call(p_questions jsonb)
RETURNS jsonb
LANGUAGE sql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT jsonb_agg(DISTINCT jsonb_build_object(
        'p_node', q -> 'p_node', 'p_from', q -> 'p_from', 'p_until', q -> 'p_until'
    ))
    FROM jsonb_array_elements(p_questions) AS q;
$function$;
