@signature uncovered
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
BEGIN
    PERFORM ctaudit.make_kept();
    INSERT INTO pg_temp.ctaudit_kept (kind, question, store_id, value)
    SELECT CASE a.item WHEN 0 THEN 'uncovered' ELSE 'node' END, v_call, a.store_id, a.value
    FROM ctaudit.ask_stores(jsonb_build_array(
        jsonb_build_object('name', 'uncovered', 'each', jsonb_build_array(jsonb_build_object(
            'p_node', p_node, 'p_from', p_from::text, 'p_until', p_until::text,
            'p_open', p_open::text
        ))),
        jsonb_build_object('name', 'presence', 'each', '[{}]'::jsonb)
    ), true) AS a;
    RETURN QUERY
    WITH part AS (
        SELECT k.store_id, u.*
        FROM pg_temp.ctaudit_kept AS k, LATERAL jsonb_to_record(k.value) AS u (
            node text, uncovered_from timestamptz, uncovered_until timestamptz, why text
        )
        WHERE k.kind = 'uncovered' AND k.question = v_call
    ),
    known AS (
        SELECT k.store_id, n.* FROM pg_temp.ctaudit_kept AS k, LATERAL jsonb_to_record(k.value) AS n (
            node text, first_seen timestamptz, gone_at timestamptz, elsewhere tstzmultirange
        )
        WHERE k.kind = 'node' AND k.question = v_call AND n.first_seen IS NOT NULL
    ),
    -- Of a gateway that has moved, another store answers for the time before it came, and for that
    -- since it went.
    own AS (
        SELECT
            p.node, p.why,
            unnest(tstzmultirange(tstzrange(p.uncovered_from, p.uncovered_until) * tstzrange(
                (SELECT max(k.first_seen) FROM known AS k JOIN known AS o USING (node)
                    WHERE k.node = p.node AND k.store_id = p.store_id
                        AND o.store_id <> k.store_id AND o.first_seen < k.first_seen),
                (SELECT min(o.first_seen) FROM known AS k JOIN known AS o USING (node)
                    WHERE k.node = p.node AND k.store_id = p.store_id AND k.gone_at IS NOT NULL
                        AND o.store_id <> k.store_id AND o.first_seen >= k.gone_at)
            )) - coalesce((SELECT k.elsewhere FROM known AS k
                WHERE k.node = p.node AND k.store_id = p.store_id AND EXISTS (
                    SELECT FROM known AS o WHERE o.node = k.node AND o.store_id <> k.store_id
                )), '{}')) AS span
        FROM part AS p WHERE p.node IS NOT NULL
    )
    SELECT o.node, lower(o.span), upper(o.span), o.why FROM own AS o
    UNION ALL
    -- A store says this by itself; it holds for all of them only if none says more.
    SELECT p.node, p.uncovered_from, p.uncovered_until, p.why
    FROM (SELECT * FROM part AS n WHERE n.node IS NULL LIMIT 1) AS p
    WHERE NOT EXISTS (
        SELECT FROM ctaudit.store AS s
        WHERE s.gone_at IS NULL
            AND NOT EXISTS (SELECT FROM part AS n WHERE n.node IS NULL AND n.store_id = s.store_id)
    )
    UNION ALL
    SELECT NULL, p_from, p_until, m.sentence FROM ctaudit.missing_stores(p_from) AS m
    ORDER BY 1, 2, 3;
END
$function$;
