@signature durations
LANGUAGE sql
VOLATILE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET DateStyle = 'ISO, YMD'
SET client_min_messages = warning
SET jit = off
AS $function$
    SELECT d.proto, d.seconds_from, d.seconds_until, sum(d.connections)::bigint
    FROM ctaudit.ask_stores(jsonb_build_array(jsonb_build_object(
        'name', 'durations', 'each', jsonb_build_array(jsonb_build_object(
            'p_from', p_from::text,
            -- One end for all stores, whose clocks may differ.
            'p_until', least(p_until, now())::text, 'p_node', p_node, 'p_host', p_host::text,
            'p_remote', p_remote::text, 'p_bins', p_bins::text
        ))
    )), true, p_nodes => ARRAY[p_node]) AS a, LATERAL jsonb_to_record(a.value) AS d (
        proto smallint, seconds_from double precision, seconds_until double precision,
        connections bigint
    )
    GROUP BY d.proto, d.seconds_from, d.seconds_until
    ORDER BY d.proto, d.seconds_from NULLS LAST;
$function$;
