-- Function: ctaudit.holds
-- Parameters: none
-- Returns: each hold that was ever set, in that order. node, addresses NULL: of all. lifted_at,
--   lifted_by NULL: it holds. kept_from, kept_until: the first and the last day that it keeps,
--   NULL where it was lifted
-- Tables touched: hold, hold_lift, node, and those of ctaudit.held (read)
CREATE OR REPLACE FUNCTION ctaudit.holds()
RETURNS TABLE (
    case_reference text,
    held_from timestamptz,
    held_until timestamptz,
    node text,
    addresses text[],
    set_at timestamptz,
    set_by text,
    lifted_at timestamptz,
    lifted_by text,
    kept_from date,
    kept_until date
)
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
SET TimeZone = 'UTC'
AS $function$
    SELECT
        h.case_reference, h.held_from, h.held_until, n.node,
        (SELECT array_agg(abbrev(a::inet)) FROM unnest(h.addresses) AS a),
        h.set_at, h.set_by, l.lifted_at, l.lifted_by,
        lower(d.days)::date, (upper(d.days) - interval '1 day')::date
    FROM ctaudit.hold AS h
    LEFT JOIN ctaudit.node AS n ON n.node_id = h.node_id
    LEFT JOIN ctaudit.hold_lift AS l ON l.hold_id = h.hold_id
    LEFT JOIN LATERAL ctaudit.held(h.hold_id) AS d (days) ON l.hold_id IS NULL
    ORDER BY h.hold_id;
$function$;
