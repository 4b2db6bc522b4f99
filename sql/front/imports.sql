@signature imports
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET DateStyle = 'ISO, YMD'
SET client_min_messages = warning
SET jit = off
AS $function$
#variable_conflict use_column
DECLARE
    v_question CONSTANT jsonb := jsonb_build_array(jsonb_build_object(
        'p_node', p_node, 'p_from', p_from::text, 'p_until', p_until::text
    ));
    v_call CONSTANT text := gen_random_uuid();
BEGIN
    PERFORM ctaudit.make_kept();
    IF NOT EXISTS (
        SELECT FROM pg_temp.ctaudit_kept AS k
        WHERE k.kind = 'imports asked' AND k.question IS NOT DISTINCT FROM p_node
            AND k.asked_from = p_from AND k.asked_until = p_until
    ) THEN
        INSERT INTO pg_temp.ctaudit_kept (kind, question, store_id, value)
        SELECT 'import', v_call, a.store_id, jsonb_build_object('place', 0, 'row', a.value)
        FROM ctaudit.ask_stores(jsonb_build_array(jsonb_build_object(
            'name', 'imports', 'each', v_question
        ))) AS a;
        PERFORM ctaudit.keep_imports(v_call, v_question);
    END IF;
    RETURN QUERY
    SELECT DISTINCT i.* FROM pg_temp.ctaudit_kept AS k, LATERAL jsonb_to_record(k.value) AS i (
        node text, imported_from text, first_at timestamptz, last_at timestamptz, not_taken bigint
    )
    WHERE k.kind = 'imports' AND k.question IS NOT DISTINCT FROM p_node
        AND k.asked_from = p_from AND k.asked_until = p_until
    ORDER BY i.node;
END
$function$;
