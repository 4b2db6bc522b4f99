-- Function: ctaudit.most_counted
-- A counter of a connection, as one sighting after the other showed it.
-- Parameters: p_counts   in the order of time; NULL: that sighting had none
-- Returns: most: the greatest of them, which is no more than was counted in all; NULL: none
--   was_reset: one is less than the one before, so the counter was set to zero in between
-- Tables touched: none
CREATE OR REPLACE FUNCTION ctaudit.most_counted(
    p_counts bigint[],
    OUT most bigint,
    OUT was_reset boolean
)
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT max(s.count), coalesce(bool_or(s.count < s.before), false)
    FROM (
        SELECT c.count, lag(c.count) OVER (ORDER BY c.place) AS before
        FROM unnest(p_counts) WITH ORDINALITY AS c (count, place)
        WHERE c.count IS NOT NULL
    ) AS s;
$function$;
