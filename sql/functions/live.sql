-- Function: ctaudit.live
-- The live copy of the connection tracking table: the last complete dump, plus the openings
-- since, minus the flows since. Of one tuple only the latest connection can be alive.
-- Parameters: p_node
-- Returns: the open connections of that node. Where ends are not recorded (nat mode) an ended
--          connection stays here until the next dump.
-- Tables touched: dump, opening, dump_entry, flow (read)
CREATE OR REPLACE FUNCTION ctaudit.live(p_node text)
RETURNS SETOF ctaudit.connection
LANGUAGE sql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT DISTINCT ON (
        a.zone, a.proto, a.orig_src, a.orig_dst, a.orig_sport, a.orig_dport, a.orig_icmp_type,
        a.orig_icmp_code
    ) a.*
    FROM ctaudit.alive(p_node, ctaudit.last_dump(p_node)) AS a
    ORDER BY
        a.zone, a.proto, a.orig_src, a.orig_dst, a.orig_sport, a.orig_dport, a.orig_icmp_type,
        a.orig_icmp_code, a.started_at DESC NULLS LAST, a.started_source, a.last_seen_at DESC;
$function$;
