@signature completeness_for
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET DateStyle = 'ISO, YMD'
SET client_min_messages = warning
SET jit = off
AS $function$
#variable_conflict use_column
DECLARE
    v_arguments CONSTANT jsonb := ctaudit.question_arguments(
        p_address, p_port, p_from, p_until, p_remote, p_remote_port, p_proto, p_node, p_zone
    );
    v_key CONSTANT text := ctaudit.question_key(v_arguments, p_hosts, p_hosts_from);
    v_question CONSTANT jsonb := v_arguments || jsonb_build_object(
        'p_hosts', coalesce(p_hosts, '{}')::text, 'p_hosts_from', p_hosts_from::text
    );
BEGIN
    PERFORM ctaudit.make_kept();
    -- Asked for connections as well, in the same snapshot (ctaudit.gather_who)?
    IF NOT EXISTS (
        SELECT FROM pg_temp.ctaudit_kept AS k
        WHERE k.kind = 'asked' AND k.question = v_key AND k.asked_from = p_from
            AND k.asked_until = p_until
    ) THEN
        INSERT INTO pg_temp.ctaudit_kept (kind, question, store_id, value)
        SELECT 'coverage', v_key, a.store_id, jsonb_build_object('place', 0, 'row', a.value)
        FROM ctaudit.ask_stores(jsonb_build_array(jsonb_build_object(
            'name', 'completeness_for', 'each', jsonb_build_array(v_question)
        )), p_nodes => CASE
            -- Whoever holds one of the hosts is judged as well.
            WHEN coalesce(p_hosts, '{}') = '{}' THEN ARRAY[p_node] END) AS a;
        PERFORM ctaudit.keep_coverage(v_key, jsonb_build_array(v_question));
    END IF;
    RETURN QUERY SELECT * FROM ctaudit.kept_coverage(v_key, v_arguments);
    RETURN QUERY SELECT
        'store ' || m.store, false, m.sentence, NULL::timestamptz, NULL::timestamptz,
        '{}'::smallint[], NULL::boolean, NULL::text, NULL::text, '{}'::inet[]
    FROM ctaudit.missing_stores(p_from) AS m;
END
$function$;
