-- Function: ctaudit.who_call
-- Parameters: as those of ctaudit.gather_who
-- Returns: the arguments with which its function is called at a store: an array of one object
-- Tables touched: none
CREATE OR REPLACE FUNCTION ctaudit.who_call(p_name text, p_questions jsonb, p_limit integer)
RETURNS jsonb
LANGUAGE sql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT jsonb_build_array(CASE p_name
        WHEN 'who' THEN p_questions -> 0
        WHEN 'who_and_holder' THEN p_questions -> 0 || jsonb_build_object('p_limit', p_limit::text)
        ELSE (
            SELECT jsonb_object_agg(
                k.many, ARRAY(
                    SELECT q.each ->> k.single FROM jsonb_array_elements(p_questions)
                        WITH ORDINALITY AS q (each, nth) ORDER BY q.nth
                )::text
            ) || jsonb_build_object('p_limit', p_limit::text)
            FROM (VALUES
                ('p_addresses', 'p_address'), ('p_ports', 'p_port'), ('p_from', 'p_from'),
                ('p_until', 'p_until'), ('p_remotes', 'p_remote'),
                ('p_remote_ports', 'p_remote_port'), ('p_protos', 'p_proto'),
                ('p_nodes', 'p_node'), ('p_zones', 'p_zone')
            ) AS k (many, single)
        ) END);
$function$;
