-- Function: ctaudit.live
-- The connections of a node that are open now, as far as is recorded: the entries of its last
-- complete dump and the openings since, without those that have ended since. Of several with
-- the same zones, protocol and orig tuple only the latest is returned: the others have ended.
-- Parameters: p_node   its name, or one that it had
-- Returns: connections in state 'open'. In nat mode, which records no ends, a connection is
--          returned until a dump without it.
-- Tables touched: inquiry (written); node, node_change, dump, opening, dump_entry, flow (read)
CREATE OR REPLACE FUNCTION ctaudit.live(p_node text)
RETURNS SETOF ctaudit.connection
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_answers bigint;
BEGIN
    RETURN QUERY SELECT DISTINCT ON (
        a.node, a.zone, a.orig_zone, a.reply_zone, a.proto, a.orig_src, a.orig_dst, a.orig_sport,
        a.orig_dport, a.orig_icmp_type, a.orig_icmp_code
    ) a.*
    FROM unnest(ctaudit.nodes_named(p_node)) AS n (node),
        ctaudit.alive(n.node, ctaudit.last_dump(n.node)) AS a
    ORDER BY
        a.node, a.zone, a.orig_zone, a.reply_zone, a.proto, a.orig_src, a.orig_dst, a.orig_sport,
        a.orig_dport, a.orig_icmp_type, a.orig_icmp_code,
        a.started_at DESC NULLS LAST, a.started_source, a.last_seen_at DESC;
    GET DIAGNOSTICS v_answers = ROW_COUNT;
    PERFORM ctaudit.note_inquiry('live', jsonb_build_object('node', p_node), v_answers);
END
$function$;
