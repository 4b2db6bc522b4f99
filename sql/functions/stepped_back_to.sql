-- Function: ctaudit.stepped_back_to
-- Whether a gateway's clock was stepped back over a time, which so came twice: what was recorded at
-- it the first time may be older than what bears an earlier time.
-- Parameters: p_node; p_time
-- Returns: the clock after the step, the earliest of several; NULL: there was none
-- Tables touched: clock_doubt (read)
CREATE OR REPLACE FUNCTION ctaudit.stepped_back_to(p_node text, p_time timestamptz)
RETURNS timestamptz
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT min(c.at) FROM ctaudit.clock_doubt AS c
    WHERE c.node = p_node
        AND p_time BETWEEN c.at AND c.at - c.step_seconds * interval '1 second'
$function$;
