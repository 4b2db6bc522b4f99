-- Function: ctaudit.asked_parts
-- Which part of each node's record each question of ctaudit.who_batch needs: as ctaudit.ask chooses them.
-- Parameters: p_questions   without needed, aggregated, own
-- Returns: the same with these, a row for each question and node; an import may have several
-- Tables touched: node, node_change, import; by ctaudit.needed, needed_of_import, own_networks (read)
CREATE OR REPLACE FUNCTION ctaudit.asked_parts(p_questions ctaudit.asked_part[])
RETURNS SETOF ctaudit.asked_part
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
    WITH span AS MATERIALIZED (
        SELECT
            n.node, n.node_id, n.aggregated, s.asked_from, s.asked_until, b.part,
            ctaudit.own_networks(n.node, s.asked_from, s.asked_until) AS own,
            coalesce(ctaudit.gone_at(n) >= s.asked_from, true) AS is_there
        FROM (
            SELECT DISTINCT q.asked_from, q.asked_until FROM unnest(p_questions) AS q
        ) AS s
        CROSS JOIN ctaudit.node AS n
        CROSS JOIN LATERAL (
            SELECT ctaudit.needed(n, s.asked_from, s.asked_until) AS part
            WHERE NOT EXISTS (SELECT FROM ctaudit.import AS i WHERE i.node = n.node)
            UNION ALL
            SELECT i FROM ctaudit.needed_of_import(n.node, s.asked_from, s.asked_until) AS i
        ) AS b
    )
    SELECT
        q.question, q.asked_from, q.asked_until, q.address, q.port, q.remote, q.remote_port,
        q.proto, q.node, q.outward, q.inward, s.part, s.aggregated, s.own
    FROM unnest(p_questions) AS q
    JOIN span AS s ON s.asked_from = q.asked_from AND s.asked_until = q.asked_until
    WHERE CASE WHEN q.node IS NULL THEN s.is_there
        ELSE s.node = ANY (ctaudit.nodes_named(q.node)) END;
$function$;
