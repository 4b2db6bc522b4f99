@signature who_batch_and_holder
LANGUAGE sql
VOLATILE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET client_min_messages = warning
SET jit = off
AS $function$
    SELECT g.question, g.answers, g.hosts, g.connection, g.holder
    FROM ctaudit.gather_who('who_batch_and_holder', (
        SELECT coalesce(jsonb_agg(ctaudit.question_arguments(
            u.address, u.port, u.asked_from, u.asked_until, u.remote, u.remote_port, u.proto, u.node,
            u.zone
        ) ORDER BY u.place), '[]')
        FROM unnest(
            p_addresses, p_ports, p_from, p_until, p_remotes, p_remote_ports, p_protos, p_nodes,
            p_zones
        ) WITH ORDINALITY AS u (
            address, port, asked_from, asked_until, remote, remote_port, proto, node, zone, place
        )
    ), p_limit) AS g;
$function$;
