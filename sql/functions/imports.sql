-- Function: ctaudit.imports
-- The imports that were asked as well: what they have is named in the answer, and not judged.
-- Parameters: p_node   its name, or one that it had; NULL: any; p_from, p_until   the asked span
-- Returns: one row an import whose rows reach into the span, by node. first_at, last_at: the
--   times of its first and last row; not_taken: how many rows of its source could not be read
-- Tables touched: import, node, node_change (read)
CREATE OR REPLACE FUNCTION ctaudit.imports(
    p_node text,
    p_from timestamptz,
    p_until timestamptz
)
RETURNS TABLE (
    node text,
    imported_from text,
    first_at timestamptz,
    last_at timestamptz,
    not_taken bigint
)
LANGUAGE plpgsql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    RETURN QUERY SELECT
        i.node, i.imported_from, least(i.openings_from, i.ends_from),
        greatest(i.openings_until, i.ends_until),
        (SELECT coalesce(sum((r.value ->> 'count')::bigint), 0)::bigint
            FROM jsonb_each(i.refused) AS r)
    FROM ctaudit.import AS i, ctaudit.needed_of_import(i.node, p_from, p_until)
    WHERE p_node IS NULL OR i.node = ANY (ctaudit.nodes_named(p_node))
    ORDER BY i.node;
END
$function$;
