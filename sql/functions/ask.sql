-- Function: ctaudit.ask
-- Runs the query of ctaudit.connection_query over the span that a question needs: openings
-- since the last complete dump before it, entries of that dump and of the first one after, and
-- flows until two hours after that one. Only for what outlived it, later flows are looked up.
-- Parameters:
--   p_from, p_until, p_node     asked span, NULL: without bound; node or NULL
--   p_outward, p_inward         conditions on a row r; they may use $11 to $15
--   p_address, p_port, p_remote, p_remote_port, p_proto   $11 to $15
--   p_latest                    nat mode: the latest opening before the span counts as well
--   p_open, p_limit             only those without an end; how many, NULL: all
-- Returns: connections, ordered by started_at
-- Tables touched: node, stream, dump, and those of the query (read)
CREATE OR REPLACE FUNCTION ctaudit.ask(
    p_from timestamptz,
    p_until timestamptz,
    p_node text,
    p_outward text,
    p_inward text,
    p_address inet,
    p_port integer,
    p_remote inet,
    p_remote_port integer,
    p_proto smallint,
    p_latest boolean,
    p_open boolean,
    p_limit integer
)
RETURNS SETOF ctaudit.connection
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
SET enable_nestloop = off
SET jit = off
SET work_mem = '64MB'
AS $function$
DECLARE
    v_from timestamptz := coalesce(p_from, '-infinity');
    v_until timestamptz := coalesce(p_until, 'infinity');
    v_since timestamptz;
    v_timed boolean;
    v_before bigint[];
    v_after bigint[];
    v_entries_from timestamptz;
    v_entries_until timestamptz;
    v_flows_until timestamptz;
    v_connection ctaudit.connection;
    v_count integer := 0;
BEGIN
    -- Only dumps with the kernel's start can stand for the openings before them.
    SELECT
        min(coalesce(CASE WHEN b.detail ->> 'timestamp' = '1' THEN d.began_at END, '-infinity')),
        bool_and(coalesce(t.timed, false)),
        array_agg(d.dump_id) FILTER (WHERE d.dump_id IS NOT NULL),
        array_agg(a.dump_id) FILTER (WHERE a.dump_id IS NOT NULL),
        min(least(d.began_at, a.began_at)),
        max(greatest(d.ended_at, a.ended_at)),
        max(coalesce(CASE WHEN t.timed THEN a.ended_at END, 'infinity')) + interval '2 hours'
    INTO v_since, v_timed, v_before, v_after, v_entries_from, v_entries_until, v_flows_until
    FROM ctaudit.node AS n
    LEFT JOIN LATERAL (
        SELECT * FROM ctaudit.dump AS d
        WHERE d.node = n.node AND d.ended_at <= v_from
        ORDER BY d.ended_at DESC, d.dump_id DESC LIMIT 1
    ) AS d ON true
    LEFT JOIN LATERAL (
        SELECT * FROM ctaudit.dump AS a
        WHERE a.node = n.node AND a.began_at >= v_until AND a.ended_at >= v_until
        ORDER BY a.ended_at, a.dump_id LIMIT 1
    ) AS a ON true
    LEFT JOIN ctaudit.stream AS b ON b.node = d.node AND b.stream = d.stream
    LEFT JOIN LATERAL (
        SELECT bool_and(s.detail ->> 'timestamp' = '1') AS timed
        FROM ctaudit.stream AS s WHERE s.node = n.node
    ) AS t ON true
    WHERE (p_node IS NULL OR n.node = p_node)
        AND (n.retired_at IS NULL OR n.retired_at >= v_from);

    FOR v_connection IN
        EXECUTE ctaudit.connection_query(p_outward, p_inward) || ' ORDER BY started_at NULLS FIRST'
        USING v_from, v_until, p_node, coalesce(v_since, '-infinity'),
            CASE WHEN v_timed THEN v_until + interval '2 hours' ELSE 'infinity' END,
            coalesce(v_before, '{}'), coalesce(v_after, '{}'),
            v_entries_from - interval '2 hours', v_entries_until + interval '2 hours', p_latest,
            p_address, p_port, p_remote, p_remote_port, p_proto,
            coalesce(v_flows_until, 'infinity')
    LOOP
        IF v_flows_until < 'infinity' AND v_connection.state IN ('open', 'unknown') THEN
            v_connection := ctaudit.late_end(v_connection, v_flows_until);
        END IF;
        CONTINUE WHEN p_open AND v_connection.state NOT IN ('open', 'unknown');
        EXIT WHEN v_count >= p_limit;
        v_count := v_count + 1;
        RETURN NEXT v_connection;
    END LOOP;
END
$function$;
