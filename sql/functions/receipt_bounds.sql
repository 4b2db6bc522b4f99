-- Function: ctaudit.receipt_bounds
-- Parameters: p_needed   a part of a node's record
-- Returns: every row of it was received in [lower, upper)
-- Tables touched: none
CREATE OR REPLACE FUNCTION ctaudit.receipt_bounds(
    p_needed ctaudit.needed_part,
    OUT lower timestamptz,
    OUT upper timestamptz
)
LANGUAGE sql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT
        least(p_needed.openings_from, p_needed.ends_from, p_needed.wrong_from, p_needed.entries_from),
        greatest(
            p_needed.openings_until, p_needed.ends_until,
            p_needed.wrong_until + interval '1 us', p_needed.entries_until + interval '1 us'
        );
$function$;
