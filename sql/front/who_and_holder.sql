@signature who_and_holder
LANGUAGE sql
VOLATILE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET client_min_messages = warning
SET jit = off
AS $function$
    SELECT g.connection, g.holder FROM ctaudit.gather_who('who_and_holder', jsonb_build_array(
        ctaudit.question_arguments(
            p_address, p_port, p_from, p_until, p_remote, p_remote_port, p_proto, p_node, p_zone
        )
    ), p_limit) AS g;
$function$;
