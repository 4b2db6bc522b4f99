-- Function: ctaudit.most_counted
-- A counter of a connection, as one sighting after the other showed it. A loop: as a query it
-- costs four times as much, and flows calls it four times for each connection that a dump shows.
-- Parameters: p_counts   in the order of time; NULL: that sighting had none
-- Returns: most: the greatest of them, which is no more than was counted in all; NULL: none
--   was_reset: one is less than the one before, so the counter was set to zero in between
-- Tables touched: none
CREATE OR REPLACE FUNCTION ctaudit.most_counted(
    p_counts bigint[],
    OUT most bigint,
    OUT was_reset boolean
)
LANGUAGE plpgsql
IMMUTABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_count bigint;
    v_before bigint;
BEGIN
    was_reset := false;
    FOREACH v_count IN ARRAY coalesce(p_counts, '{}') LOOP
        was_reset := was_reset OR coalesce(v_count < v_before, false);
        v_before := coalesce(v_count, v_before);
        most := greatest(most, v_count);
    END LOOP;
END
$function$;
