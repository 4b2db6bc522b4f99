@signature flows
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET DateStyle = 'ISO, YMD'
SET client_min_messages = warning
SET jit = off
AS $function$
#variable_conflict use_column
DECLARE
    -- Of a store: an answer passes through the memory of this session.
    c_cap CONSTANT integer := 100000;
    v_found ctaudit.connection[];
    v_stores smallint[];
    v_is_cut boolean;
    -- What is listed without an end was open then, as far as its store knows.
    v_at CONSTANT timestamptz := CASE
        WHEN NOT p_open THEN p_from
        WHEN coalesce(p_until > now(), true) THEN now() - interval '1 min' END;
    v_told jsonb;
BEGIN
    SELECT
        array_agg(jsonb_populate_record(NULL::ctaudit.connection, a.value))
            FILTER (WHERE a.item = 0),
        array_agg(a.store_id) FILTER (WHERE a.item = 0),
        jsonb_agg(a.value || jsonb_build_object('store_id', a.store_id, 'item', a.item))
            FILTER (WHERE a.item > 0)
    INTO v_found, v_stores, v_told
    FROM ctaudit.ask_stores(jsonb_build_array(jsonb_build_object(
        'name', 'flows', 'cap', c_cap + 1, 'each', jsonb_build_array(jsonb_build_object(
            'p_host', p_host::text, 'p_nat', p_nat::text, 'p_remote', p_remote::text,
            'p_from', p_from::text, 'p_until', p_until::text, 'p_open', p_open::text,
            'p_node', p_node, 'p_limit', p_limit::text, 'p_zone', p_zone::text
        ))
    )) || CASE WHEN v_at IS NULL THEN '[]' ELSE jsonb_build_array(
        jsonb_build_object('name', 'presence', 'each', '[{}]'::jsonb),
        jsonb_build_object('name', 'completeness_for', 'each', jsonb_build_array(
            ctaudit.question_arguments(NULL, NULL, v_at, v_at, NULL, NULL, NULL, p_node, NULL)
        ))
    ) END, true, p_nodes => ARRAY[p_node]) AS a;
    SELECT bool_or(n.rows > c_cap) INTO v_is_cut
    FROM (SELECT count(*) AS rows FROM unnest(v_stores) AS s GROUP BY s) AS n;
    IF v_is_cut THEN
        RAISE EXCEPTION 'more than % connections of one store: ask for a shorter span, with a limit, '
            'or the store itself', c_cap USING ERRCODE = '54000';
    END IF;
    RETURN QUERY
    WITH each AS MATERIALIZED (
        SELECT u.c, u.store_id
        FROM (SELECT unnest(v_found) AS c, unnest(v_stores) AS store_id) AS u
    ),
    told AS (
        SELECT t.*, coalesce(t.elsewhere @> v_at, false) AS is_elsewhere
        FROM jsonb_to_recordset(v_told) AS t (
            store_id smallint, item integer, node text, complete boolean,
            elsewhere tstzmultirange
        )
    ),
    -- What a gateway had open as it moved away is over, where the complete record of another store
    -- does not have it.
    moved AS (
        SELECT t.store_id, t.node FROM told AS t
        WHERE t.item = 1 AND t.is_elsewhere AND EXISTS (
            SELECT FROM told AS o
            WHERE o.item = 2 AND o.node = t.node AND o.store_id <> t.store_id AND o.complete
                AND NOT o.is_elsewhere
        )
    ),
    listed AS (
        SELECT e.* FROM each AS e
        WHERE (e.c).ended_at IS NOT NULL
            OR (e.store_id, (e.c).node) NOT IN (SELECT m.store_id, m.node FROM moved AS m)
    ),
    -- Of gateways that have moved.
    twice AS (
        SELECT (e.c).node AS node FROM each AS e
        GROUP BY (e.c).node HAVING count(DISTINCT e.store_id) > 1
    )
    SELECT (j.c).* FROM (
        SELECT e.c FROM listed AS e WHERE (e.c).node NOT IN (SELECT t.node FROM twice AS t)
        UNION ALL
        SELECT ctaudit.join_connections(e.c, ARRAY(
            SELECT o.c FROM each AS o
            WHERE (o.c).node = (e.c).node AND o.store_id <> e.store_id
                AND ctaudit.is_continued(o.c, e.c)
        ))
        FROM listed AS e
        WHERE (e.c).node IN (SELECT t.node FROM twice AS t) AND NOT EXISTS (
            SELECT FROM listed AS o
            WHERE (o.c).node = (e.c).node AND o.store_id <> e.store_id
                AND ctaudit.is_continued(e.c, o.c)
                AND NOT (ctaudit.is_continued(o.c, e.c) AND e.store_id < o.store_id)
        )
    ) AS j
    ORDER BY (j.c).started_at NULLS FIRST LIMIT p_limit;
END
$function$;
