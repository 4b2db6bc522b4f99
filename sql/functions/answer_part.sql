-- Function: ctaudit.answer_part
-- The answers of one node to a question of ctaudit.who_batch, as ctaudit.ask gives them, but for
-- those of ctaudit.ask_aggregates.
-- Parameters: p_part; p_found   the rows that ctaudit.asked_rows found for it, all of them
-- Returns: connections, in no order
-- Tables touched: dump, stream; by ctaudit.connections, fill_in (read)
CREATE OR REPLACE FUNCTION ctaudit.answer_part(
    p_part ctaudit.asked_part,
    p_found ctaudit.seen_row[]
)
RETURNS SETOF ctaudit.connection
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_needed CONSTANT ctaudit.needed_part := p_part.needed;
    v_dumps tstzmultirange;
    v_seen ctaudit.connection[];
BEGIN
    IF cardinality(p_found) > 0 THEN
        v_seen := ARRAY(SELECT c FROM ctaudit.connections(
            NULL, p_part.asked_from, p_part.asked_until, v_needed, true, p_part.own, NULL, NULL,
            NULL, NULL, NULL, p_found
        ) AS c);
    END IF;
    IF cardinality(v_seen) > 0 THEN
        SELECT coalesce(range_agg(tstzrange(
            least(d.began_at, d.ended_at), greatest(d.began_at, d.ended_at), '[]'
        )), '{}') INTO v_dumps
        FROM ctaudit.dump AS d JOIN ctaudit.stream AS s USING (node, stream)
        WHERE d.node = v_needed.node AND s.mode <> 'history' AND d.began_at < p_part.asked_until
            AND d.ended_at >= p_part.asked_from
            AND d.ended_at < p_part.asked_until + interval '2 hours';
        RETURN QUERY SELECT * FROM ctaudit.fill_in(
            v_seen, v_needed, v_dumps, p_part.asked_from, p_part.asked_until, false
        );
    END IF;
END
$function$;
