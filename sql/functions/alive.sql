-- Function: ctaudit.alive
-- The connections that are not known to have ended: the entries of a dump and the openings
-- received since it began, without those that a flow closes. The kernel does not dump its
-- table at one instant, so one connection may be returned twice, as an entry and as an opening.
-- Parameters:
--   p_node
--   p_dump   a complete dump of that node; NULL: all openings are considered
-- Returns: connections in state 'open'; last_seen_at is a time at which each was alive
-- Tables touched: dump, opening, dump_entry, flow (read)
CREATE OR REPLACE FUNCTION ctaudit.alive(p_node text, p_dump bigint)
RETURNS SETOF ctaudit.connection
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
SET enable_nestloop = off
SET jit = off
AS $function$
DECLARE
    v_began timestamptz := '-infinity';
    v_ended timestamptz := '-infinity';
BEGIN
    IF p_dump IS NOT NULL THEN
        SELECT d.began_at, d.ended_at INTO STRICT v_began, v_ended
        FROM ctaudit.dump AS d WHERE d.dump_id = p_dump AND d.node = p_node;
    END IF;
    RETURN QUERY EXECUTE $query$
        WITH seen AS (
            SELECT
                e.started_at,
                CASE WHEN e.started_at IS NULL THEN 'dump' ELSE 'kernel' END::ctaudit.time_source
                    AS started_source,
                NULL::timestamptz AS started_after, $3::timestamptz AS seen_at,
                $3::timestamptz AS last_seen_at, 'dump'::ctaudit.provenance AS provenance,
                e.zones, e.proto, e.orig_src, e.orig_dst, e.orig_sport, e.orig_dport,
                e.reply_src, e.reply_dst, e.reply_sport, e.reply_dport,
                e.orig_packets, e.orig_bytes, e.reply_packets, e.reply_bytes,
                e.ct_id, e.mark, e.status, e.state, e.helper, e.labels
            FROM ctaudit.dump_entry_row AS e
            WHERE e.dump_id = $2 AND e.node_id = $5
                AND e.received_at >= $3 - interval '2 hours'
                AND e.received_at <= $4 + interval '2 hours'
            UNION ALL
            SELECT
                o.started_at, ctaudit.time_source_of(o.started_source), o.started_after,
                o.received_at, coalesce(o.started_after, o.started_at),
                ctaudit.provenance_of(o.provenance),
                o.zones, o.proto, o.orig_src, o.orig_dst, o.orig_sport, o.orig_dport,
                o.reply_src, o.reply_dst, o.reply_sport, o.reply_dport,
                NULL, NULL, NULL, NULL,
                o.ct_id, o.mark, o.status, o.state, o.helper, o.labels
            FROM ctaudit.opening_row AS o
            WHERE o.node_id = $5 AND o.received_at >= $3
        )
        SELECT
            $1, CASE WHEN s.status & 32 <> 0 AND s.status & 16 = 0 THEN 'inward'
                ELSE 'outward' END,
            'open', true,
            CASE WHEN s.status & 32 <> 0 AND s.status & 16 = 0 THEN s.reply_src
                ELSE s.orig_src END,
            CASE WHEN s.status & 32 <> 0 AND s.status & 16 = 0
                THEN ctaudit.port(s.proto, s.reply_sport) ELSE nullif(s.orig_sport, -1) END,
            CASE WHEN s.status & 32 <> 0 AND s.status & 16 = 0 THEN s.orig_src
                ELSE s.reply_src END,
            CASE WHEN s.status & 32 <> 0 AND s.status & 16 = 0
                THEN nullif(s.orig_sport, -1) ELSE ctaudit.port(s.proto, s.reply_sport) END,
            s.started_at, s.started_source, s.started_after,
            NULL::timestamptz, NULL::ctaudit.time_source, NULL::timestamptz, NULL::timestamptz,
            NULL::text, s.last_seen_at, s.provenance,
            ctaudit.zone(s.zones), ctaudit.orig_zone(s.zones), ctaudit.reply_zone(s.zones), s.proto,
            s.orig_src, s.orig_dst, nullif(s.orig_sport, -1), ctaudit.port(s.proto, s.orig_dport),
            s.reply_src, s.reply_dst, ctaudit.port(s.proto, s.reply_sport),
            nullif(s.reply_dport, -1),
            ctaudit.icmp_type(s.proto, s.orig_dport), ctaudit.icmp_code(s.proto, s.orig_dport),
            ctaudit.icmp_type(s.proto, s.reply_sport), ctaudit.icmp_code(s.proto, s.reply_sport),
            s.orig_packets, s.orig_bytes, s.reply_packets, s.reply_bytes,
            nullif(s.ct_id, -1), s.mark, s.status, s.state, s.helper, s.labels
        FROM seen AS s
        WHERE NOT EXISTS (
            SELECT FROM ctaudit.flow_row AS f
            WHERE f.node_id = $5 AND f.received_at >= $3
                AND ctaudit.same_tuple(
                    f.zones, f.proto, f.orig_src, f.orig_dst, f.orig_sport, f.orig_dport, f.ct_id,
                    s.zones, s.proto, s.orig_src, s.orig_dst, s.orig_sport, s.orig_dport, s.ct_id
                )
                AND ctaudit.closes(
                    s.seen_at, s.started_at, s.started_source, s.started_after,
                    f.received_at, f.started_at
                )
        )
    $query$ USING p_node, p_dump, v_began, v_ended,
        (SELECT n.node_id FROM ctaudit.node AS n WHERE n.node = p_node);
END
$function$;
