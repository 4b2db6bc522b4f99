-- Function: ctaudit.needed_of_import
-- Which part of an import a question about a span needs: as ctaudit.needed. Beyond its last
-- row an import knows nothing, and is not asked.
-- Parameters: p_node; p_from, p_until   the span
-- Returns: one row; none where the node is no import, or the span is beyond its rows
-- Tables touched: import, node (read)
CREATE OR REPLACE FUNCTION ctaudit.needed_of_import(
    p_node text,
    p_from timestamptz,
    p_until timestamptz
)
RETURNS SETOF ctaudit.needed_part
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    RETURN QUERY SELECT
        n.node, n.node_id, NULL::bigint, NULL::bigint, NULL::bigint[], 'infinity'::timestamptz,
        '-infinity'::timestamptz,
        coalesce(i.openings_from, 'infinity'), p_until + interval '1 s',
        greatest(i.ends_from, p_from),
        least(
            i.ends_until + interval '1 us',
            CASE WHEN NOT i.lacks_starts THEN p_until + i.longest + interval '1 s' END
        ),
        -- What ended later than that was not alive in the span.
        true, NULL::timestamptz, NULL::timestamptz
    FROM ctaudit.import AS i JOIN ctaudit.node AS n ON n.node = i.node
    WHERE i.node = p_node AND greatest(i.openings_until, i.ends_until) >= p_from
        AND (i.lacks_starts
            OR least(i.openings_from, i.ends_from - i.longest) <= p_until + interval '1 s');
END
$function$;
