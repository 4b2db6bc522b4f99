-- Function: ctaudit.bounded_query
-- ctaudit.seen_query for the rows within bounds. Tables of which none is needed are left out: the
-- server would parse what it then does not read.
-- Parameters: p_bounds; p_query
-- Returns: the query. $1 to $5 are begins, untils, node_ids, dump_ids and openings_until of p_bounds, $6 to
--   $10 are free
-- Tables touched: none
CREATE OR REPLACE FUNCTION ctaudit.bounded_query(p_bounds ctaudit.row_bounds, p_query text)
RETURNS text
LANGUAGE plpgsql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_texts CONSTANT text[] := string_to_array(p_query, '/* tables */');
    v_tables CONSTANT text[] := string_to_array(v_texts[2], 'UNION ALL');
    v_selects CONSTANT text := array_to_string(ARRAY[
        replace(v_tables[1], '/* openings */', 'r.node_id = ANY ($3) AND (' || p_bounds.openings || ')'),
        replace(v_tables[2], '/* ends */', 'r.node_id = ANY ($3) AND (' || p_bounds.ends
            || ') AND (r.started_at IS NULL OR r.started_at < $5)'),
        replace(v_tables[3], '/* entries */', 'r.dump_id = ANY ($4) AND (' || p_bounds.entries || ')')
    ], 'UNION ALL');
BEGIN
    RETURN v_texts[1] || coalesce(
        nullif(v_selects, ''), replace(v_tables[2], '/* ends */', 'false')
    ) || v_texts[3];
END
$function$;
