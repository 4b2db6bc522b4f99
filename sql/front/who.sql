@signature who
LANGUAGE sql
VOLATILE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET client_min_messages = warning
SET jit = off
AS $function$
    SELECT (g.connection).* FROM ctaudit.gather_who('who', jsonb_build_array(
        ctaudit.question_arguments(
            p_address, p_port, p_from, p_until, p_remote, p_remote_port, p_proto, p_node, p_zone
        )
    ), NULL) AS g
    ORDER BY (g.connection).started_at;
$function$;
