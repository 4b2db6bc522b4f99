-- Function: ctaudit.answer_who
-- Answers a question of ctaudit.who that is on record. It is STABLE, so all that it reads is of one
-- snapshot, and what is needed of each node is found once.
-- Where at most ten connections are found, those that carried the same packets nearer to the host
-- are answers too (ctaudit.nearer): their public side is not the asked one.
-- Parameters:
--   p_outward, p_inward   as those of ctaudit.ask
--   the others as those of ctaudit.who, addresses as ctaudit.plain_address has them
-- Returns: connections, in no order
-- Tables touched: those of ctaudit.ask, ctaudit.ended_on_pair and ctaudit.nearer (read)
CREATE OR REPLACE FUNCTION ctaudit.answer_who(
    p_address inet,
    p_port integer,
    p_from timestamptz,
    p_until timestamptz,
    p_remote inet,
    p_remote_port integer,
    p_proto smallint,
    p_node text,
    p_outward text,
    p_inward text
)
RETURNS SETOF ctaudit.connection
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    c_few CONSTANT integer := 10;
    v_bounds CONSTANT ctaudit.row_bounds[] := ctaudit.bounds_for(p_from, p_until, p_node);
    v_found ctaudit.connection[];
    v_nearer ctaudit.connection[];
    v_connection ctaudit.connection;
    v_answers bigint := 0;
BEGIN
    FOR v_connection IN SELECT * FROM ctaudit.ask(
        p_from, p_until, v_bounds, p_outward, p_inward, p_address, p_port, p_remote, p_remote_port,
        p_proto, true, false, p_port IS NOT NULL
    ) LOOP
        CONTINUE WHEN p_node IS NULL AND NOT v_connection.exact
            AND ctaudit.ended_on_pair(v_connection, p_from);
        v_answers := v_answers + 1;
        IF v_answers <= c_few THEN
            v_found := v_found || v_connection;
        END IF;
        RETURN NEXT v_connection;
    END LOOP;
    WHILE v_answers BETWEEN 1 AND c_few LOOP
        v_nearer := ARRAY(
            SELECT n FROM ctaudit.nearer(
                v_found, p_from, p_until, CASE WHEN p_node IS NULL THEN v_bounds END
            ) AS n
        );
        EXIT WHEN v_nearer = '{}';
        RETURN QUERY SELECT * FROM unnest(v_nearer);
        v_found := v_found || v_nearer;
        v_answers := cardinality(v_found);
    END LOOP;
END
$function$;
