@signature live
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET DateStyle = 'ISO, YMD'
SET client_min_messages = warning
SET jit = off
AS $function$
#variable_conflict use_column
DECLARE
    v_call CONSTANT text := gen_random_uuid();
    v_missing text;
BEGIN
    PERFORM ctaudit.make_kept();
    INSERT INTO pg_temp.ctaudit_kept (kind, question, store_id, value)
    SELECT CASE a.item WHEN 0 THEN 'live' WHEN 1 THEN 'node' ELSE 'absent' END, v_call, a.store_id,
        a.value
    FROM ctaudit.ask_stores(jsonb_build_array(
        jsonb_build_object('name', 'live', 'each', jsonb_build_array(jsonb_build_object(
            'p_node', p_node, 'p_host', p_host::text, 'p_port', p_port::text
        ))),
        jsonb_build_object('name', 'nodes', 'each', '[{}]'::jsonb)
    ), true, '{P0002}') AS a;
    SELECT m.sentence INTO v_missing FROM ctaudit.missing_stores(now()) AS m LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION '%, so what is open now is not known', v_missing USING ERRCODE = '58000';
    ELSIF NOT EXISTS (
        SELECT FROM pg_temp.ctaudit_kept AS k WHERE k.kind = 'node' AND k.question = v_call
    ) THEN
        RAISE EXCEPTION USING ERRCODE = 'P0002', MESSAGE = (
            SELECT k.value #>> '{}' FROM pg_temp.ctaudit_kept AS k
            WHERE k.kind = 'absent' AND k.question = v_call LIMIT 1
        );
    END IF;
    RETURN QUERY
    SELECT c.* FROM pg_temp.ctaudit_kept AS k,
        LATERAL jsonb_populate_record(NULL::ctaudit.connection, k.value) AS c
    WHERE k.kind = 'live' AND k.question = v_call
        -- It has moved to another store: what was open here has been recorded there since.
        AND NOT EXISTS (
            SELECT FROM pg_temp.ctaudit_kept AS n
            WHERE n.kind = 'node' AND n.question = v_call AND n.store_id = k.store_id
                AND n.value ->> 'node' = c.node AND n.value ->> 'retired_at' IS NOT NULL
        );
END
$function$;
