-- Function: ctaudit.held
-- The days that holds keep. A question about a held span also needs the dumps before and after it
-- and what lies between (ctaudit.needed), so the days of these are kept as well; where no dump tells
-- what had begun, in nat mode and of an import, the openings of seven days before. A day is kept
-- whole, with the rows of all gateways and addresses, and all that says how complete they are.
-- Parameters: p_hold   one hold; NULL: all that are not lifted
-- Returns: spans of whole UTC days
-- Tables touched: hold, hold_lift, node, import, dump, stream, late_read, clock_doubt (read)
CREATE OR REPLACE FUNCTION ctaudit.held(p_hold bigint DEFAULT NULL)
RETURNS tstzmultirange
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
SET TimeZone = 'UTC'
SET jit = off
AS $function$
    SELECT coalesce(range_agg(tstzrange(
        date_trunc('day', least(
            h.held_from, CASE WHEN b.dump_before IS NOT NULL THEN b.ends_from
                WHEN k.is_imported OR k.is_nat
                    THEN greatest(b.openings_from, h.held_from - interval '7 days') END,
            b.entries_from, b.wrong_from
        )),
        date_trunc('day', greatest(
            h.held_until + interval '2 hours',
            CASE WHEN NOT b.all_ends OR k.is_imported THEN b.ends_until END, b.entries_until, b.wrong_until
        )) + interval '1 day'
    )), '{}')
    FROM ctaudit.hold AS h
    LEFT JOIN (
        ctaudit.node AS n CROSS JOIN LATERAL (SELECT
            EXISTS (SELECT FROM ctaudit.import AS i WHERE i.node = n.node) AS is_imported,
            EXISTS (
                SELECT FROM ctaudit.stream AS s WHERE s.node = n.node AND s.mode = 'nat'
            ) AS is_nat
        ) AS k
    ) ON (n.first_seen < h.held_until OR k.is_imported)
        AND (h.node_id IS NULL OR n.node_id = h.node_id)
    LEFT JOIN LATERAL (
        SELECT d.* FROM ctaudit.needed(n, h.held_from, h.held_until) AS d WHERE NOT k.is_imported
        UNION ALL SELECT i.* FROM ctaudit.needed_of_import(n.node, h.held_from, h.held_until) AS i
    ) AS b ON true
    WHERE CASE WHEN p_hold IS NULL THEN NOT EXISTS (
            SELECT FROM ctaudit.hold_lift AS l WHERE l.hold_id = h.hold_id
        ) ELSE h.hold_id = p_hold END;
$function$;
