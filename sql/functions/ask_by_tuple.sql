-- Function: ctaudit.ask_by_tuple
-- The answers of one node to a question of which there may be many: ctaudit.connections and fill_in for
-- a portion of tuples after the other, in memory that does not grow with the span. What one tuple's
-- rows tell does not depend on those of others. The server sorts the rows by tuple, on disk where they
-- are more than work_mem.
-- Parameters:
--   p_is_any          the conditions hold for any row
--   p_dumps, p_open   as those of ctaudit.fill_in
--   p_limit           so many of the earliest starts are enough; NULL: all are wanted
--   the others as those of ctaudit.connections
-- Returns: connections, in no order
-- Tables touched: those of ctaudit.seen, ctaudit.connections and ctaudit.fill_in (read)
CREATE OR REPLACE FUNCTION ctaudit.ask_by_tuple(
    p_query text,
    p_is_any boolean,
    p_from timestamptz,
    p_until timestamptz,
    p_needed ctaudit.needed_part,
    p_latest boolean,
    p_own inet[],
    p_address inet,
    p_port integer,
    p_remote inet,
    p_remote_port integer,
    p_proto smallint,
    p_dumps tstzmultirange,
    p_open boolean,
    p_limit integer
)
RETURNS SETOF ctaudit.connection
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
SET work_mem = '16MB'
AS $function$
DECLARE
    -- Of a portion; one tuple's rows are never taken apart.
    c_rows CONSTANT integer := 4000;
    v_bounds CONSTANT ctaudit.row_bounds := ctaudit.bounds_of(ARRAY[p_needed]);
    v_row record;
    v_tuple bigint;
    v_portion ctaudit.seen_row[] := '{}';
    v_count integer := 0;
    v_answers ctaudit.connection[];
    v_starts timestamptz[] := '{}';
BEGIN
    FOR v_row IN EXECUTE ctaudit.tuples_query(
        ctaudit.bounded_query(v_bounds, p_query), p_is_any, p_limit IS NOT NULL
    ) USING
        v_bounds.begins, v_bounds.untils, v_bounds.node_ids, v_bounds.dump_ids,
        v_bounds.openings_until, p_from, p_until, v_bounds, p_query, NULL, p_address, p_port,
        p_remote, p_remote_port, p_proto
    LOOP
        IF v_row.tuple IS NULL OR v_count >= c_rows AND v_row.tuple <> v_tuple THEN
            v_answers := ARRAY(
                SELECT f FROM ctaudit.fill_in(ARRAY(
                    SELECT c FROM ctaudit.connections(
                        NULL, p_from, p_until, p_needed, p_latest, p_own, NULL, NULL, NULL, NULL,
                        NULL, v_portion
                    ) AS c
                ), p_needed, p_dumps, p_from, p_until, p_open) AS f
            );
            RETURN QUERY SELECT * FROM unnest(v_answers);
            IF p_limit IS NOT NULL THEN
                v_starts := v_starts || ARRAY(SELECT a.started_at FROM unnest(v_answers) AS a);
                -- What began earlier than all that is left, or at an unknown time.
                EXIT WHEN p_limit <= (
                    SELECT count(*) FROM unnest(v_starts) AS s
                    WHERE s IS NULL OR s < v_row.began_at
                );
            END IF;
            v_portion := '{}';
            v_count := 0;
        END IF;
        v_portion := v_portion || v_row.seen;
        v_count := v_count + 1;
        v_tuple := v_row.tuple;
    END LOOP;
END
$function$;
