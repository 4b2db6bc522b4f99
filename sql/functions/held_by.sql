-- Function: ctaudit.held_by
-- Parameters: p_node; p_from, p_until   the span; p_addresses
-- Returns: those of the addresses that were public ones of a node at some time of a span
-- Tables touched: by ctaudit.scopes: scope (read)
CREATE OR REPLACE FUNCTION ctaudit.held_by(
    p_node text,
    p_from timestamptz,
    p_until timestamptz,
    p_addresses inet[]
)
RETURNS inet[]
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    RETURN (
        SELECT coalesce(array_agg(DISTINCT a.address), '{}')
        FROM ctaudit.scopes(p_node, p_from, p_until) AS s, unnest(p_addresses) AS a (address)
        WHERE a.address <<= ANY (s.public::inet[])
    );
END
$function$;
