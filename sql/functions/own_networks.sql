-- Function: ctaudit.own_networks
-- The addresses that were a node's own or behind it at some time of a span.
-- Parameters: p_node; p_from, p_until   the span
-- Returns: networks; NULL where no scope is known for a part of the span: from the node's first
--   five minutes on, in which the first scope is noted
-- Tables touched: node; by ctaudit.scopes: scope (read)
CREATE OR REPLACE FUNCTION ctaudit.own_networks(
    p_node text,
    p_from timestamptz,
    p_until timestamptz
)
RETURNS inet[]
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_since timestamptz;
    v_own inet[];
BEGIN
    SELECT greatest(p_from, n.first_seen + interval '5 min') INTO v_since
    FROM ctaudit.node AS n WHERE n.node = p_node;
    SELECT array_agg(o.network) INTO v_own
    FROM ctaudit.scopes(p_node, v_since, p_until) AS s,
        LATERAL unnest(s.public::inet[] || s.internal::inet[]) AS o (network)
    HAVING min(s.noted_at) <= v_since AND bool_and(s.public IS NOT NULL AND s.internal IS NOT NULL);
    RETURN v_own;
END
$function$;
