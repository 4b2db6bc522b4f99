-- Function: ctaudit.unchanged_since
-- Parameters:
--   p_counts   a counter, as one sighting after the other showed it; NULL: that one had none
--   p_times    when each of them was read
-- Returns: when the counter had first the value of the last sighting, without another one since;
--   NULL: only the last one had it, or it had none
-- Tables touched: none
CREATE OR REPLACE FUNCTION ctaudit.unchanged_since(p_counts bigint[], p_times timestamptz[])
RETURNS timestamptz
LANGUAGE plpgsql
IMMUTABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_last integer := cardinality(p_counts);
    v_first integer := v_last;
BEGIN
    WHILE v_first > 1 AND p_counts[v_first - 1] = p_counts[v_last] LOOP
        v_first := v_first - 1;
    END LOOP;
    RETURN CASE WHEN v_first < v_last THEN p_times[v_first] END;
END
$function$;
