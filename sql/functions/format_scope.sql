-- Function: ctaudit.format_scope
-- Parameters: p_scope   one that is known
-- Returns: the scope as text, for example: its scope from .. is 1.2.3.4, 192.168.0.0/16
-- Tables touched: none
CREATE OR REPLACE FUNCTION ctaudit.format_scope(p_scope ctaudit.scope)
RETURNS text
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT format('its scope from %s is ', p_scope.valid_from)
        || coalesce(nullif(array_to_string(l.listed[:8], ', '), ''), 'empty')
        || coalesce(' and ' || nullif(greatest(cardinality(l.listed) - 8, 0), 0) || ' more', '')
    FROM (SELECT ARRAY(
        SELECT abbrev(n::inet) FROM unnest(p_scope.public || p_scope.internal) AS n
    ) AS listed) AS l;
$function$;
