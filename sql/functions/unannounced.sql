-- Function: ctaudit.unannounced
-- What dumps have proved that the kernel did not announce, for the check of a gateway.
-- Parameters: p_node   the caller's own, or one that it had
-- Returns: the gaps that this has made and that were not over a day ago, the newest first.
--          number: of connections; gap_until NULL: not over
-- Errors: CT005 as ctaudit.refuse_foreign
-- Tables touched: gap, node, node_change, node_login (read)
CREATE OR REPLACE FUNCTION ctaudit.unannounced(p_node text)
RETURNS TABLE (
    cause text,
    number bigint,
    gap_from timestamptz,
    gap_until timestamptz
)
LANGUAGE plpgsql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    p_node := ctaudit.own_node_named(p_node);
    RETURN QUERY
    SELECT g.cause, g.lost, g.gap_from, g.gap_until FROM ctaudit.gap AS g
    WHERE g.node = p_node
        AND g.cause IN ('not announced', 'end not announced')
        AND coalesce(g.gap_until, 'infinity') > clock_timestamp() - interval '1 day'
    ORDER BY g.gap_id DESC;
END
$function$;
