@signature nearby
LANGUAGE sql
VOLATILE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET DateStyle = 'ISO, YMD'
SET client_min_messages = warning
SET jit = off
AS $function$
    SELECT c.*
    FROM ctaudit.ask_stores(jsonb_build_array(jsonb_build_object(
        'name', 'nearby', 'each', jsonb_build_array(ctaudit.question_arguments(
            p_address, p_port, p_from, p_until, p_remote, p_remote_port, p_proto, p_node, p_zone
        ) || jsonb_build_object('p_limit', p_limit::text))
    )), true, p_nodes => ARRAY[p_node]) AS a,
        LATERAL jsonb_populate_record(NULL::ctaudit.connection, a.value) AS c
    ORDER BY c.started_at DESC NULLS LAST LIMIT p_limit;
$function$;
