-- Function: ctaudit.heard_until
-- Until when the end of a connection that was alive at a time would have been recorded.
-- Parameters: p_node; p_alive_at; p_proto   the connection's protocol
-- Returns: a minute before the first gap after p_alive_at in which an end of that protocol may
--   have been lost: the kernel sends the DESTROY of an expired entry up to a minute later; else
--   until when the node's ends are covered; NULL: nothing is covered
-- Tables touched: gap, coverage (read)
CREATE OR REPLACE FUNCTION ctaudit.heard_until(
    p_node text,
    p_alive_at timestamptz,
    p_proto smallint
)
RETURNS timestamptz
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    RETURN least(
        (SELECT min(g.gap_from) - interval '1 min' FROM ctaudit.gap AS g
            WHERE g.node = p_node AND g.hides_ends AND (g.proto IS NULL OR g.proto = p_proto)
                AND coalesce(g.sound_from, 'infinity') > p_alive_at),
        (SELECT max(c.covered_until) FROM ctaudit.coverage AS c
            WHERE c.node = p_node AND c.ends)
    );
END
$function$;
