-- Function: ctaudit.judge_scope
-- Whether an address was one of a node's own or of its networks, at some time of a span.
-- Parameters: p_node; p_from, p_until   the span; p_address
--   p_hosts, p_hosts_from   as ctaudit.completeness has them
-- Returns: one row. in_scope: NULL: not known for all of the span. none_why: why none may not
--   be said of the address, without the node's name; NULL: it may. holds: those of p_hosts that
--   were public addresses at some time since p_hosts_from
-- Tables touched: by ctaudit.scopes: scope (read)
CREATE OR REPLACE FUNCTION ctaudit.judge_scope(
    p_node text,
    p_from timestamptz,
    p_until timestamptz,
    p_address inet,
    p_hosts inet[],
    p_hosts_from timestamptz,
    OUT in_scope boolean,
    OUT none_why text,
    OUT holds inet[]
)
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    WITH known AS MATERIALIZED (
        SELECT s.* FROM ctaudit.scopes(p_node, least(p_from, p_hosts_from), p_until) AS s
    ),
    held AS MATERIALIZED (
        SELECT
            s.noted_at, s.hidden,
            s.public IS NOT NULL AND s.internal IS NOT NULL AS is_known,
            coalesce(asked.address <<= ANY (s.public::inet[]), false)
                OR coalesce(asked.address <<= ANY (s.internal::inet[]), false) AS holds,
            s::ctaudit.scope AS scope, asked.address
        FROM known AS s, LATERAL (SELECT ctaudit.plain_address(p_address) AS address) AS asked
        WHERE s.noted_at > p_from
            OR s.scope_id = (SELECT max(k.scope_id) FROM known AS k WHERE k.noted_at <= p_from)
    ),
    judged AS (
        SELECT CASE
            WHEN bool_or(h.holds) THEN true
            WHEN bool_and(h.is_known) AND min(h.noted_at) <= p_from THEN false
        END AS in_scope
        FROM held AS h
    )
    SELECT
        j.in_scope,
        CASE WHEN j.in_scope IS FALSE THEN (
            SELECT format('%s is not an address of this gateway (%s)', host(h.address),
                ctaudit.format_scope(h.scope))
            FROM held AS h ORDER BY h.noted_at DESC LIMIT 1
        ) ELSE (
            SELECT format(
                'connections of %s may be hidden from conntrack: %s',
                x.each ->> 'network', x.each ->> 'why')
            FROM held AS h, jsonb_array_elements(h.hidden) AS x (each)
            WHERE h.address <<= (x.each ->> 'network')::inet LIMIT 1
        ) END,
        ARRAY(
            SELECT h.host FROM unnest(p_hosts) AS h (host)
            WHERE EXISTS (SELECT FROM known AS k WHERE h.host <<= ANY (k.public::inet[]))
        )
    INTO in_scope, none_why, holds
    FROM judged AS j;
END
$function$;
