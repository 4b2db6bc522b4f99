-- Function: ctaudit.outside_scope
-- Whether the last noted scope of a node holds the addresses that its translations use: a sample
-- of the openings and flows of the last ten minutes, at most 20,000 of each.
-- Parameters: p_node   its name, or one that it had
-- Returns: one row. translated: source translations in the sample; outside: those whose public
--   address is in no scope. No row: the scope is not known.
-- Errors: CT005 as ctaudit.refuse_foreign
-- Tables touched: node, node_change, node_login, scope, opening_row, flow_row (read)
CREATE OR REPLACE FUNCTION ctaudit.outside_scope(p_node text)
RETURNS TABLE (translated bigint, outside bigint)
LANGUAGE plpgsql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- The sample begins where received_at does; a sequential scan would read the day up to there.
SET enable_seqscan = off
AS $function$
DECLARE
    v_scope ctaudit.scope;
    v_since timestamptz;
BEGIN
    p_node := ctaudit.own_node_named(p_node);
    SELECT s.* INTO v_scope FROM ctaudit.scope AS s WHERE s.node = p_node
    ORDER BY s.scope_id DESC LIMIT 1;
    IF v_scope.public IS NULL OR v_scope.internal IS NULL THEN
        RETURN;
    END IF;
    v_since := greatest(clock_timestamp() - interval '10 minutes', v_scope.noted_at);
    RETURN QUERY
    SELECT
        count(*),
        count(*) FILTER (
            WHERE NOT r.reply_dst <<= ANY ((v_scope.public || v_scope.internal)::inet[])
        )
    FROM (
        (SELECT o.node_id, o.status, o.reply_dst FROM ctaudit.opening_row AS o
            WHERE o.received_at >= v_since LIMIT 20000)
        UNION ALL
        (SELECT f.node_id, f.status, f.reply_dst FROM ctaudit.flow_row AS f
            WHERE f.received_at >= v_since LIMIT 20000)
    ) AS r
    WHERE r.status & 16 <> 0
        AND r.node_id = (SELECT n.node_id FROM ctaudit.node AS n WHERE n.node = v_scope.node);
END
$function$;
