-- Function: ctaudit.insert_unobserved
-- Ends the connections that are recorded as open, but that dumps do not show.
-- Parameters:
--   p_node     whose
--   p_since    the dump since which they are looked for (ctaudit.alive), NULL: all
--   p_gone_by  they had begun before this dump, which does not show them
--   p_shown    nor does this one, which may be the same
-- Returns: how many there were, and when the first of them was last seen
-- Tables touched: flow; opening, dump_entry, dump (read)
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
        INSERT INTO ctaudit.flow (
            received_at, started_at, started_source, ended_after, ended_before, provenance,
            ct_id, mark, zone, orig_zone, reply_zone, orig_sport, orig_dport, reply_sport,
            reply_dport, status, proto, state, orig_icmp_type, orig_icmp_code, reply_icmp_type,
            reply_icmp_code, node, orig_src, orig_dst, reply_src, reply_dst, helper, labels
        )
        SELECT DISTINCT ON (
            a.zone, a.proto, a.orig_src, a.orig_dst, a.orig_sport, a.orig_dport, a.ct_id,
            a.orig_zone, a.reply_zone, a.orig_icmp_type, a.orig_icmp_code
        )
            p_shown.ended_at, a.started_at, a.started_source, a.last_seen_at, p_gone_by.ended_at,
            'unobserved', a.ct_id, a.mark, a.zone, a.orig_zone, a.reply_zone, a.orig_sport,
            a.orig_dport, a.reply_sport, a.reply_dport, a.status, a.proto, a.protocol_state,
            a.orig_icmp_type, a.orig_icmp_code, a.reply_icmp_type, a.reply_icmp_code, a.node,
            a.orig_src, a.orig_dst, a.reply_src, a.reply_dst, a.helper, a.labels
        FROM ctaudit.alive(p_node, p_since) AS a
        -- The start is no later than a receiver's time of it, so these had begun before the dump.
        -- One that the receiver read later may have begun, or ended, while the dump ran.
        WHERE coalesce(a.started_at, a.last_seen_at) < p_gone_by.began_at
            AND NOT EXISTS (
                SELECT FROM ctaudit.dump_entry AS e
                WHERE e.dump_id IN (p_gone_by.dump_id, p_shown.dump_id) AND e.node = p_node
                    AND e.received_at >= p_gone_by.began_at - interval '2 hours'
                    AND e.received_at <= p_shown.ended_at + interval '2 hours'
                    AND a.orig_zone IS NOT DISTINCT FROM e.orig_zone
                    AND a.reply_zone IS NOT DISTINCT FROM e.reply_zone
                    AND ctaudit.same_tuple(
                        a.zone, a.proto, a.orig_src, a.orig_dst,
                        a.orig_sport, a.orig_dport, a.ct_id,
                        e.zone, e.proto, e.orig_src, e.orig_dst,
                        e.orig_sport, e.orig_dport, e.ct_id
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
        RETURNING ended_after
    )
    SELECT count(*), min(added.ended_after) INTO number, last_seen_at FROM added;
END
$function$;
