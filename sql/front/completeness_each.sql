@signature completeness_each
LANGUAGE sql
VOLATILE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET client_min_messages = warning
SET jit = off
AS $function$
    SELECT u.question::integer, c.*
    FROM unnest(
        p_nodes, p_from, p_until, p_addresses, p_ports, p_remotes, p_remote_ports, p_protos,
        p_zones, p_hosts, p_hosts_from
    ) WITH ORDINALITY AS u (
        node, asked_from, asked_until, address, port, remote, remote_port, proto, zone, hosts,
        hosts_from, question
    )
    CROSS JOIN LATERAL ctaudit.completeness_for(
        u.node, u.asked_from, u.asked_until, u.address, u.port, u.remote, u.remote_port, u.proto,
        u.zone, coalesce(u.hosts, '{}')::inet[], u.hosts_from
    ) AS c
    ORDER BY u.question, c.node;
$function$;
