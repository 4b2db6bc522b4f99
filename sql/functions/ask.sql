-- Function: ctaudit.ask
-- Answers a question, node by node, from the part of the record that it needs:
--   openings since the last complete dump before the span, which stands for what began before;
--   the entries of that dump, of the first complete one after the span, and in history mode of
--   those within the span;
--   ends until two hours after that one. Only for what outlived it are later ends looked up.
-- Parameters:
--   p_from, p_until, p_node     asked span, NULL: without bound; node (or a name it had) or NULL
--   p_outward, p_inward         conditions on a row r; they may use $11 to $15
--   p_address, p_port, p_remote, p_remote_port, p_proto   $11 to $15
--   p_latest                    in nat mode, the latest opening before the span counts as well
--   p_open                      only connections without an end
-- Returns: connections, in no order
-- Tables touched: node, node_change, stream, dump, late_read, and those of the query (read)
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
    p_open boolean
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
    v_query text := ctaudit.connection_query(p_outward, p_inward);
    v_needed record;
    v_dumps tstzmultirange;
    v_since timestamptz;
    v_connection ctaudit.connection;
BEGIN
    FOR v_needed IN
        SELECT n.node, n.node_id, b.* FROM ctaudit.node AS n, LATERAL (
            SELECT * FROM ctaudit.needed(n.node, v_from, v_until)
            WHERE NOT EXISTS (SELECT FROM ctaudit.import AS i WHERE i.node = n.node)
            UNION ALL
            SELECT * FROM ctaudit.needed_of_import(n.node, v_from, v_until)
        ) AS b
        WHERE CASE WHEN p_node IS NULL THEN coalesce(ctaudit.gone_at(n) >= v_from, true)
            ELSE n.node = ANY (ctaudit.nodes_named(p_node)) END
    LOOP
        -- Of history mode the query reads them itself (needed: dumps_within).
        SELECT coalesce(range_agg(tstzrange(
            least(d.began_at, d.ended_at), greatest(d.began_at, d.ended_at), '[]'
        )), '{}') INTO v_dumps
        FROM ctaudit.dump AS d JOIN ctaudit.stream AS s USING (node, stream)
        WHERE d.node = v_needed.node AND s.mode <> 'history' AND d.began_at < v_until
            AND d.ended_at >= v_from AND d.ended_at < v_until + interval '2 hours';
        FOR v_connection IN EXECUTE v_query USING
            v_from, v_until, v_needed.node, v_needed.openings_from, v_needed.openings_until,
            v_needed.dump_before, v_needed.dump_after, v_needed.entries_from,
            v_needed.entries_until, p_latest, p_address, p_port, p_remote, p_remote_port, p_proto,
            v_needed.ends_from, v_needed.ends_until, v_needed.dumps_within,
            v_needed.wrong_from, v_needed.wrong_until, v_needed.node_id
        LOOP
            IF v_needed.ends_until < 'infinity' AND v_connection.state IN ('open', 'unknown')
                AND v_connection.provenance <> 'imported'
            THEN
                v_connection := ctaudit.late_end(
                    v_connection, v_needed.ends_until, v_from, v_until
                );
                CONTINUE WHEN v_connection IS NULL;
            END IF;
            CONTINUE WHEN p_open AND v_connection.state NOT IN ('open', 'unknown');
            -- One that the dumps around the span do not show may be in one within it. Where no
            -- start is known, only the dumps that the question reads are looked at.
            v_since := NULL;
            IF v_connection.last_seen_at IS NOT NULL OR v_dumps && tstzrange(
                v_connection.started_at, greatest(
                    v_connection.started_at, v_connection.ended_at,
                    CASE WHEN v_connection.ended_at IS NULL
                        THEN coalesce(v_connection.ended_before, 'infinity') END
                ), '[]'
            ) THEN
                v_since := coalesce(
                    v_connection.started_at, least(v_needed.entries_from, lower(v_dumps)),
                    '-infinity'
                );
            END IF;
            RETURN NEXT ctaudit.count_traffic(v_connection, v_since);
        END LOOP;
    END LOOP;
END
$function$;
