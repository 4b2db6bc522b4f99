-- Function: ctaudit.live
-- The connections of a node that are open now, as far as is recorded: the entries of its last
-- complete dump and the openings since, without those that have ended since. Of several with
-- the same zones, protocol and orig tuple only the latest is returned: the others have ended.
-- Parameters: p_node
-- Returns: connections in state 'open'. In nat mode, which records no ends, a connection is
--          returned until a dump without it.
-- Tables touched: dump, opening, dump_entry, flow (read)
CREATE OR REPLACE FUNCTION ctaudit.live(p_node text)
RETURNS SETOF ctaudit.connection
LANGUAGE sql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT DISTINCT ON (
        a.zone, a.orig_zone, a.reply_zone, a.proto, a.orig_src, a.orig_dst, a.orig_sport,
        a.orig_dport, a.orig_icmp_type, a.orig_icmp_code
    ) a.*
    FROM ctaudit.alive(p_node, ctaudit.last_dump(p_node)) AS a
    ORDER BY
        a.zone, a.orig_zone, a.reply_zone, a.proto, a.orig_src, a.orig_dst, a.orig_sport,
        a.orig_dport, a.orig_icmp_type, a.orig_icmp_code,
        a.started_at DESC NULLS LAST, a.started_source, a.last_seen_at DESC;
$function$;
