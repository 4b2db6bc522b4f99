-- Function: ctaudit.asked_query
-- ctaudit.seen_query for the parts of many questions with the same conditions: planned once for all
-- of them, where their own bounds exclude partitions when it runs.
-- Parameters: as those of ctaudit.seen_query
-- Returns: the query, with the parameters
--   $1       ctaudit.asked_part[], which have the same conditions and all own, or none
--   $2, $3   no row that they need was received before $2, nor from $3 on
--   $4       at most so many rows of each
--   Its columns: nth, the place of the part in $1; found, a ctaudit.seen_row[]
-- Tables touched: none; the query reads those of ctaudit.seen_query
CREATE OR REPLACE FUNCTION ctaudit.asked_query(p_outward text, p_inward text, p_own boolean)
RETURNS text
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_query text := ctaudit.seen_query(p_outward, p_inward, p_own);
    v record;
BEGIN
    v_query := replace(v_query, 'WHERE r.node_id = $21', 'WHERE <bounds> AND r.node_id = $21');
    v_query := replace(v_query, 'WHERE r.dump_id', 'WHERE <bounds> AND r.dump_id');
    -- From the last: $1 is the begin of $11.
    FOR v IN SELECT * FROM (VALUES
        (22, 'p.own'), (21, '(p.needed).node_id'), (20, '(p.needed).wrong_until'),
        (19, '(p.needed).wrong_from'), (18, '(p.needed).dumps_within'),
        (17, '(p.needed).ends_until'), (16, '(p.needed).ends_from'), (15, 'p.proto'),
        (14, 'p.remote_port'), (13, 'p.remote'), (12, 'p.port'), (11, 'p.address'),
        (9, '(p.needed).entries_until'), (8, '(p.needed).entries_from'),
        (7, '(p.needed).dump_after'), (6, '(p.needed).dump_before'),
        (5, '(p.needed).openings_until'), (4, '(p.needed).openings_from')
    ) AS m (number, value) LOOP
        v_query := replace(v_query, '$' || v.number, v.value);
    END LOOP;
    v_query := replace(v_query, '<bounds>', 'r.received_at >= $2 AND r.received_at < $3');
    RETURN 'SELECT p.nth, ARRAY(SELECT s::ctaudit.seen_row FROM (' || v_query
        || ' LIMIT $4) AS s) AS found FROM unnest($1) WITH ORDINALITY AS p (question, asked_from, '
        || 'asked_until, address, port, remote, remote_port, proto, node, outward, inward, needed, '
        || 'aggregated, own, nth)';
END
$function$;
