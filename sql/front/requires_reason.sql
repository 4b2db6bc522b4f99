@signature requires_reason
LANGUAGE sql
VOLATILE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET client_min_messages = warning
SET jit = off
AS $function$
    SELECT coalesce(bool_or((a.value #>> '{}')::boolean), false)
    FROM ctaudit.ask_stores('[{"name": "requires_reason", "each": [{}]}]') AS a;
$function$;
