@signature flows
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET client_min_messages = warning
SET jit = off
AS $function$
#variable_conflict use_column
DECLARE
    -- Of a store: an answer passes through the memory of this session.
    c_cap CONSTANT integer := 100000;
    v_span CONSTANT tstzrange := tstzrange(p_from, coalesce(p_until, now()));
    v_found ctaudit.connection[];
    v_stores smallint[];
    v_said jsonb;
    v_is_cut boolean;
BEGIN
    SELECT
        array_agg(jsonb_populate_record(NULL::ctaudit.connection, a.value))
            FILTER (WHERE a.item = 0),
        array_agg(a.store_id) FILTER (WHERE a.item = 0),
        jsonb_agg(a.value || jsonb_build_object('store_id', a.store_id)) FILTER (WHERE a.item = 1)
    INTO v_found, v_stores, v_said
    FROM ctaudit.ask_stores(jsonb_build_array(
        jsonb_build_object('name', 'flows', 'cap', c_cap + 1, 'each', jsonb_build_array(
            jsonb_build_object(
                'p_host', p_host::text, 'p_nat', p_nat::text, 'p_remote', p_remote::text,
                'p_from', p_from::text, 'p_until', p_until::text, 'p_open', p_open::text,
                'p_node', p_node, 'p_limit', p_limit::text, 'p_zone', p_zone::text
            )
        )),
        jsonb_build_object('name', 'completeness_for', 'each', jsonb_build_array(
            jsonb_build_object(
                'p_node', p_node, 'p_from', lower(v_span)::text, 'p_until', upper(v_span)::text
            )
        ))
    ), true, p_nodes => ARRAY[p_node]) AS a;
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
    -- Of gateways that have moved.
    twice AS (
        SELECT (e.c).node AS node FROM each AS e
        GROUP BY (e.c).node HAVING count(DISTINCT e.store_id) > 1
    ),
    said AS (
        SELECT s.store_id, s.node, s.complete, coalesce(s.elsewhere @> v_span, false) AS is_elsewhere
        FROM jsonb_to_recordset(v_said) AS s (
            store_id smallint, node text, complete boolean, elsewhere tstzmultirange
        )
    ),
    -- What a gateway had open as it moved away is over, where the complete record of another store
    -- does not have it.
    past AS (
        SELECT s.store_id, s.node FROM said AS s
        WHERE s.is_elsewhere AND EXISTS (
            SELECT FROM said AS o
            WHERE o.node = s.node AND o.store_id <> s.store_id AND o.complete AND NOT o.is_elsewhere
        )
    )
    SELECT (j.c).* FROM (
        SELECT e.c FROM each AS e
        WHERE (e.c).node NOT IN (SELECT t.node FROM twice AS t)
            AND (e.store_id, (e.c).node) NOT IN (SELECT p.store_id, p.node FROM past AS p)
        UNION ALL
        SELECT ctaudit.join_connections(e.c, ARRAY(
            SELECT o.c FROM each AS o
            WHERE (o.c).node = (e.c).node AND o.store_id <> e.store_id
                AND ctaudit.is_continued(o.c, e.c)
        ))
        FROM each AS e
        WHERE (e.c).node IN (SELECT t.node FROM twice AS t)
            AND (e.store_id, (e.c).node) NOT IN (SELECT p.store_id, p.node FROM past AS p)
            AND NOT EXISTS (
                SELECT FROM each AS o
                WHERE (o.c).node = (e.c).node AND o.store_id <> e.store_id
                    AND ctaudit.is_continued(e.c, o.c)
                    AND NOT (ctaudit.is_continued(o.c, e.c) AND e.store_id < o.store_id)
            )
    ) AS j
    ORDER BY (j.c).started_at NULLS FIRST LIMIT p_limit;
END
$function$;
