-- Function: ctaudit.insert_unobserved
-- Ends the connections that are recorded as open, but that dumps do not show.
-- Parameters:
--   p_node     whose
--   p_since    the dump since which they are looked for (ctaudit.alive), NULL: all
--   p_gone_by  they had begun before this dump, which does not show them
--   p_shown    nor does this one, which may be the same
-- Returns: how many there were whose end the kernel should have announced, and when the first of
--   them was last seen
-- Tables touched: flow; opening, dump_entry, dump, gap (read)
CREATE OR REPLACE FUNCTION ctaudit.insert_unobserved(
    p_node text,
    p_since bigint,
    p_gone_by ctaudit.dump,
    p_shown ctaudit.dump,
    OUT number bigint,
    OUT last_seen_at timestamptz
)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET enable_nestloop = off
AS $function$
BEGIN
    WITH added AS (
        INSERT INTO ctaudit.flow_row (
            received_at, started_at, started_source, ended_after, ended_before, provenance,
            ct_id, mark, zones, orig_sport, orig_dport, reply_sport, reply_dport, status, node_id,
            proto, state, orig_src, orig_dst, reply_src, reply_dst, helper, labels
        )
        SELECT DISTINCT ON (
            a.zone, a.proto, a.orig_src, a.orig_dst, a.orig_sport, a.orig_dport, a.ct_id,
            a.orig_zone, a.reply_zone, a.orig_icmp_type, a.orig_icmp_code
        )
            p_shown.ended_at, a.started_at, a.started_source::text::"char", a.last_seen_at,
            p_gone_by.ended_at, 'u', coalesce(a.ct_id, -1), a.mark,
            ctaudit.zone_pair(a.zone, a.orig_zone, a.reply_zone), coalesce(a.orig_sport, -1),
            ctaudit.coded_port(a.orig_dport, a.orig_icmp_type, a.orig_icmp_code),
            ctaudit.coded_port(a.reply_sport, a.reply_icmp_type, a.reply_icmp_code),
            coalesce(a.reply_dport, -1), a.status, n.node_id, a.proto, a.protocol_state,
            a.orig_src, a.orig_dst, a.reply_src, a.reply_dst, a.helper, a.labels
        FROM ctaudit.alive(p_node, p_since) AS a JOIN ctaudit.node AS n USING (node)
        -- The start is no later than a receiver's time of it, so these had begun before the dump.
        -- One that the receiver read later may have begun, or ended, while the dump ran.
        WHERE coalesce(a.started_at, a.last_seen_at) < p_gone_by.began_at
            AND NOT EXISTS (
                SELECT FROM ctaudit.dump_entry_row AS e
                WHERE e.dump_id IN (p_gone_by.dump_id, p_shown.dump_id) AND e.node_id = n.node_id
                    AND e.received_at >= p_gone_by.began_at - interval '2 hours'
                    AND e.received_at <= p_shown.ended_at + interval '2 hours'
                    AND ctaudit.same_tuple(
                        ctaudit.zone_pair(a.zone, a.orig_zone, a.reply_zone), a.proto, a.orig_src,
                        a.orig_dst, coalesce(a.orig_sport, -1),
                        ctaudit.coded_port(a.orig_dport, a.orig_icmp_type, a.orig_icmp_code),
                        coalesce(a.ct_id, -1),
                        e.zones, e.proto, e.orig_src, e.orig_dst, e.orig_sport, e.orig_dport,
                        e.ct_id
                    )
                    AND ctaudit.closes(
                        a.last_seen_at, a.started_at, a.started_source, a.started_after,
                        e.received_at, e.started_at
                    )
            )
        ORDER BY
            a.zone, a.proto, a.orig_src, a.orig_dst, a.orig_sport, a.orig_dport, a.ct_id,
            a.orig_zone, a.reply_zone, a.orig_icmp_type, a.orig_icmp_code,
            a.started_source = 'kernel' DESC, a.started_at DESC NULLS LAST
        RETURNING started_at, ended_after
    )
    SELECT count(*), min(added.ended_after) INTO number, last_seen_at FROM added
    -- What began while events were off announces no end, even after they are on again.
    WHERE NOT EXISTS (
        SELECT FROM ctaudit.gap AS g
        WHERE g.node = p_node AND g.cause = 'nf_conntrack_events = 0'
            AND added.started_at BETWEEN g.gap_from AND coalesce(g.gap_until, 'infinity')
    );
END
$function$;
