-- Function: ctaudit.scopes
-- The scopes that a node had at some time of a span. Where a change was seen only later, the
-- old one and the new one both count.
-- It has no search_path of its own, so that the server makes it a part of the query that calls it,
-- which is planned once a session; as a function it would be planned for each call.
-- Parameters: p_node; p_from, p_until   the span
-- Returns: rows of scope: the one that holds at p_from, if any was noted by then, and those that
--   began to hold within the span
-- Tables touched: scope (read)
CREATE OR REPLACE FUNCTION ctaudit.scopes(
    p_node text,
    p_from timestamptz,
    p_until timestamptz
)
RETURNS SETOF ctaudit.scope
LANGUAGE sql
STABLE
AS $function$
    (SELECT s.* FROM ctaudit.scope AS s WHERE s.node = p_node AND s.noted_at <= p_from
        ORDER BY s.scope_id DESC LIMIT 1)
    UNION ALL
    SELECT s.* FROM ctaudit.scope AS s
    WHERE s.node = p_node AND s.noted_at > p_from AND s.valid_from < p_until
        -- What bounds the scan: ctaudit.change_scope.
        AND s.noted_at < p_until + interval '2 hours';
$function$;
