-- Function: ctaudit.declared_pair
-- The gateway that a stream's start or resume note names as its pair, if that one names it too.
-- Parameters: p_stream   its row
-- Returns: the name as it is now; NULL: there is none
-- Tables touched: stream, node, node_change (read)
CREATE OR REPLACE FUNCTION ctaudit.declared_pair(p_stream ctaudit.stream)
RETURNS text
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT last_of.node
    FROM (
        SELECT DISTINCT ON (s.node) s.node, s.detail ->> 'pair' AS pair
        FROM ctaudit.stream AS s
        WHERE s.node = ANY (ctaudit.nodes_named(p_stream.detail ->> 'pair'))
        ORDER BY s.node, s.started_at DESC
    ) AS last_of
    WHERE last_of.node <> p_stream.node
        AND p_stream.node = ANY (ctaudit.nodes_named(last_of.pair))
    LIMIT 1;
$function$;
