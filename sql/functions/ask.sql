-- Function: ctaudit.ask
-- Answers a question, node by node, from the part of the record that it needs:
--   openings since the last complete dump before the span, which stands for what began before;
--   the entries of that dump, of the first complete one after the span, and in history mode of
--   those within the span;
--   ends until two hours after that one. Only for what outlived it are later ends looked up.
-- Those of a list (ctaudit.flows) may be many: ctaudit.ask_by_tuple takes a portion after the other.
-- Parameters:
--   p_from, p_until             asked span, NULL: without bound
--   p_bounds                    ctaudit.bounds_for this span
--   p_outward, p_inward         conditions on a row r; they may use $11 to $15
--   p_address, p_port, p_remote, p_remote_port, p_proto   $11 to $15
--   p_latest                    in nat mode, the latest opening before the span counts as well
--   p_open                      only connections without an end
--   p_indexed                   the conditions are an index's: the rows of all nodes are looked up at once
--   p_limit                     so many of the earliest starts are enough; NULL: all are wanted
-- Returns: connections, in no order
-- Errors: as ctaudit.refuse_rewritten
-- Tables touched: node, stream, dump, and those of the query (read)
DROP FUNCTION IF EXISTS ctaudit.ask(
    timestamptz, timestamptz, text, text, text, inet, integer, inet, integer, smallint, boolean, boolean,
    boolean
);
DROP FUNCTION IF EXISTS ctaudit.ask(
    timestamptz, timestamptz, text, text, text, inet, integer, inet, integer, smallint, boolean, boolean,
    boolean, integer
);
CREATE OR REPLACE FUNCTION ctaudit.ask(
    p_from timestamptz,
    p_until timestamptz,
    p_bounds ctaudit.row_bounds[],
    p_outward text,
    p_inward text,
    p_address inet,
    p_port integer,
    p_remote inet,
    p_remote_port integer,
    p_proto smallint,
    p_latest boolean,
    p_open boolean,
    p_indexed boolean DEFAULT false,
    p_limit integer DEFAULT NULL
)
RETURNS SETOF ctaudit.connection
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
SET enable_nestloop = off
SET jit = off
SET work_mem = '16MB'
AS $function$
DECLARE
    -- Of an indexed question; with more, each node is asked by itself.
    c_rows CONSTANT integer := 1000;
    v_from timestamptz := coalesce(p_from, '-infinity');
    v_until timestamptz := coalesce(p_until, 'infinity');
    v_query CONSTANT text := ctaudit.seen_query(p_outward, p_inward);
    v_aggregated CONSTANT smallint[] := ARRAY(
        SELECT n.node_id FROM ctaudit.node AS n WHERE n.aggregated
    );
    v_own inet[];
    v_bounds ctaudit.row_bounds;
    v_needed ctaudit.needed_part;
    v_rows ctaudit.seen_row[];
    v_seen smallint[];
    v_dumps tstzmultirange;
    v_connection ctaudit.connection;
    v_portion ctaudit.connection[] := '{}';
BEGIN
    FOREACH v_bounds IN ARRAY coalesce(p_bounds, '{}') LOOP
        v_rows := CASE WHEN p_indexed THEN ARRAY(
            SELECT s FROM ctaudit.seen(
                v_bounds, v_query, p_address, p_port, p_remote, p_remote_port, p_proto
            ) AS s LIMIT c_rows + 1
        ) END;
        IF cardinality(v_rows) > c_rows THEN
            v_rows := NULL;
        END IF;
        v_seen := ARRAY(SELECT DISTINCT r.node_id FROM unnest(v_rows) AS r);
        FOREACH v_needed IN ARRAY v_bounds.parts LOOP
            IF v_needed.node_id = ANY (v_aggregated) AND NOT p_open THEN
                RETURN QUERY SELECT * FROM ctaudit.ask_aggregates(
                    v_needed.node, v_needed.node_id, v_from, v_until, v_needed.ends_until, p_outward,
                    p_inward, ctaudit.own_networks(v_needed.node, v_from, v_until), p_address,
                    p_port, p_remote, p_remote_port, p_proto
                );
            END IF;
            CONTINUE WHEN v_rows IS NOT NULL AND NOT v_needed.node_id = ANY (v_seen);
            -- Of history mode the query reads them itself (needed: dumps_within).
            SELECT coalesce(range_agg(tstzrange(
                least(d.began_at, d.ended_at), greatest(d.began_at, d.ended_at), '[]'
            )), '{}') INTO v_dumps
            FROM ctaudit.dump AS d JOIN ctaudit.stream AS s USING (node, stream)
            WHERE d.node = v_needed.node AND s.mode <> 'history' AND d.began_at < v_until
                AND d.ended_at >= v_from AND d.ended_at < v_until + interval '2 hours';
            v_own := ctaudit.own_networks(v_needed.node, v_from, v_until);
            -- Which opening is the latest before the span, tuples tell only together; before all time,
            -- only entries of a dump are.
            IF v_rows IS NULL AND NOT (
                p_latest AND (v_from > '-infinity' OR v_needed.dump_after IS NOT NULL AND EXISTS (
                    SELECT FROM ctaudit.stream AS s
                    WHERE s.node = v_needed.node AND s.mode = 'nat'
                ))
            ) THEN
                RETURN QUERY SELECT * FROM ctaudit.ask_by_tuple(
                    v_query, p_outward = 'true', v_from, v_until, v_needed, p_latest, v_own, p_address,
                    p_port, p_remote, p_remote_port, p_proto, v_dumps, p_open, p_limit
                );
                CONTINUE;
            END IF;
            FOR v_connection IN SELECT * FROM ctaudit.connections(
                v_query, v_from, v_until, v_needed, p_latest, v_own, p_address, p_port, p_remote,
                p_remote_port, p_proto, v_rows
            )
            LOOP
                v_portion := v_portion || v_connection;
                IF cardinality(v_portion) = 1000 THEN
                    RETURN QUERY SELECT * FROM ctaudit.fill_in(
                        v_portion, v_needed, v_dumps, v_from, v_until, p_open
                    );
                    v_portion := '{}';
                END IF;
            END LOOP;
            RETURN QUERY SELECT * FROM ctaudit.fill_in(
                v_portion, v_needed, v_dumps, v_from, v_until, p_open
            );
            v_portion := '{}';
        END LOOP;
    END LOOP;
    PERFORM ctaudit.refuse_rewritten();
END
$function$;
