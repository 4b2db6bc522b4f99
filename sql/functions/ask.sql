-- Function: ctaudit.ask
-- Runs the query of ctaudit.connection_query over the rows that a question needs: the openings
-- since the last complete dump before the asked span, the entries of that dump and of the first
-- complete dump after the span, and the flows up to two hours after that one. The end of a
-- connection that was open even then is looked up by ctaudit.late_end.
-- Parameters:
--   p_from, p_until        the asked span; NULL: without bound
--   p_node                 NULL: any node
--   p_outward, p_inward    as ctaudit.connection_query; they may use $11 to $15
--   p_address, p_port, p_remote, p_remote_port, p_proto   the values of $11 to $15
--   p_latest               in nat mode, the latest opening before the span is an answer as well
--   p_open                 only connections without a recorded end
--   p_limit                how many connections at most; NULL: all
-- Returns: connections, ordered by started_at
-- Tables touched: node, stream, dump, coverage, gap, opening, flow, dump_entry (read)
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
    -- A dump replaces the openings before it only where its entries have the kernel's start.
    SELECT
        min(coalesce(
            CASE WHEN dump_stream.detail ->> 'timestamp' = '1' THEN before.began_at END,
            '-infinity'
        )),
        bool_and(coalesce(streams.timed, false)),
        array_agg(before.dump_id) FILTER (WHERE before.dump_id IS NOT NULL),
        array_agg(after.dump_id) FILTER (WHERE after.dump_id IS NOT NULL),
        min(least(before.began_at, after.began_at)),
        max(greatest(before.ended_at, after.ended_at)),
        max(coalesce(CASE WHEN streams.timed THEN after.ended_at END, 'infinity'))
            + interval '2 hours'
    INTO v_since, v_timed, v_before, v_after, v_entries_from, v_entries_until, v_flows_until
    FROM ctaudit.node AS n
    LEFT JOIN LATERAL (
        SELECT * FROM ctaudit.dump AS d
        WHERE d.node = n.node AND d.ended_at <= v_from
        ORDER BY d.ended_at DESC, d.dump_id DESC LIMIT 1
    ) AS before ON true
    LEFT JOIN LATERAL (
        SELECT * FROM ctaudit.dump AS d
        WHERE d.node = n.node AND d.began_at >= v_until AND d.ended_at >= v_until
        ORDER BY d.ended_at, d.dump_id LIMIT 1
    ) AS after ON true
    LEFT JOIN ctaudit.stream AS dump_stream
        ON dump_stream.node = before.node AND dump_stream.stream = before.stream
    LEFT JOIN LATERAL (
        SELECT bool_and(s.detail ->> 'timestamp' = '1') AS timed
        FROM ctaudit.stream AS s WHERE s.node = n.node
    ) AS streams ON true
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
