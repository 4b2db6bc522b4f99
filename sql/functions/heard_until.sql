-- Function: ctaudit.heard_until
-- Until when the end of a connection that was alive at a time would have been recorded.
-- Parameters: p_node; p_alive_at
-- Returns: a minute before the first gap after p_alive_at in which an end may have been lost: the
--   kernel sends the DESTROY of an expired entry up to a minute later; else until when the node's
--   ends are covered; NULL: nothing is covered
-- Tables touched: gap, coverage (read)
CREATE OR REPLACE FUNCTION ctaudit.heard_until(p_node text, p_alive_at timestamptz)
RETURNS timestamptz
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT least(
        (SELECT min(g.gap_from) - interval '1 min' FROM ctaudit.gap AS g
            WHERE g.node = p_node AND g.hides_ends
                AND coalesce(g.sound_from, 'infinity') > p_alive_at),
        (SELECT max(c.covered_until) FROM ctaudit.coverage AS c
            WHERE c.node = p_node AND c.ends)
    );
$function$;
