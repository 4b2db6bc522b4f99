-- Function: ctaudit.count_traffic
-- What is known of a connection's packets and bytes, by its end and by the dumps that showed it.
--   exact      as the kernel counted them until the end
--   at least   the most that any of them showed: no end is recorded, or it had no counters, or one
--              is less than the one before, so another tool set them to zero (conntrack -z)
--   unknown    nothing counted (nf_conntrack_acct), no dump showed it and no end is recorded, or
--              the connection was offloaded: a flowtable forwards packets that the kernel counts
--              only where it is told to
-- Parameters:
--   p_connection   with the counters of its end, if it has one
--   p_since        the earliest entry that may show it was received then; NULL: no dump has
--                  shown it (ctaudit.ask)
-- Returns: the connection with the counters, NULL where they are unknown, and counters,
--   counters_cause, idle_since; without an end, last_seen_at is that of the last dump that
--   showed it
-- Tables touched: dump_entry_row, dump, node (read)
CREATE OR REPLACE FUNCTION ctaudit.count_traffic(
    p_connection ctaudit.connection,
    p_since timestamptz
)
RETURNS ctaudit.connection
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET plan_cache_mode = force_custom_plan
AS $function$
DECLARE
    c ctaudit.connection := p_connection;
    v_is_last boolean := c.state = 'ended' AND c.orig_packets IS NOT NULL;
    v_ended timestamptz := coalesce(c.ended_at, c.ended_before, 'infinity');
    -- Computed before the query: only by plain times does the planner leave out partitions.
    v_read_from CONSTANT timestamptz := p_since - interval '2 hours';
    v_read_until CONSTANT timestamptz := v_ended + interval '2 hours';
    v_seen record;
    v_was_seen boolean := false;
    v_was_reset boolean := false;
    v_offloaded boolean := false;
BEGIN
    IF p_since IS NOT NULL THEN
        SELECT
            array_agg(e.orig_packets ORDER BY e.received_at) AS orig_packets,
            array_agg(e.orig_bytes ORDER BY e.received_at) AS orig_bytes,
            array_agg(e.reply_packets ORDER BY e.received_at) AS reply_packets,
            array_agg(e.reply_bytes ORDER BY e.received_at) AS reply_bytes,
            array_agg(e.orig_packets + e.reply_packets ORDER BY e.received_at) AS packets,
            array_agg(e.received_at ORDER BY e.received_at) AS read_at,
            count(*) AS entries, coalesce(bit_or(e.status), 0) AS status,
            max(greatest(d.began_at, e.started_at)) AS last_seen_at
        INTO v_seen
        -- An entry of no complete dump is evidence as well.
        FROM ctaudit.dump_entry_row AS e LEFT JOIN ctaudit.dump AS d ON d.dump_id = e.dump_id
        WHERE e.reply_dport = coalesce(c.reply_dport, -1) AND e.reply_dst = c.reply_dst
            AND e.node_id = (SELECT n.node_id FROM ctaudit.node AS n WHERE n.node = c.node)
            AND ctaudit.same_tuple(
                e.zones, e.proto, e.orig_src, e.orig_dst, e.orig_sport, e.orig_dport, e.ct_id,
                ctaudit.zone_pair(c.zone, c.orig_zone, c.reply_zone), c.proto, c.orig_src,
                c.orig_dst, coalesce(c.orig_sport, -1),
                ctaudit.coded_port(c.orig_dport, c.orig_icmp_type, c.orig_icmp_code),
                coalesce(c.ct_id, -1)
            )
            AND e.received_at BETWEEN v_read_from AND v_read_until
            AND CASE WHEN c.started_source = 'kernel' AND e.started_at IS NOT NULL
                THEN e.started_at = c.started_at
                -- The tuple's next connection may have this id, and be in the same dump.
                ELSE e.received_at <= v_ended AND coalesce(e.started_at, e.received_at)
                    >= ctaudit.start_from(c.started_at, c.started_source, c.started_after)
                END;
        v_was_seen := v_seen.entries > 0;
        v_offloaded := ctaudit.is_offloaded(v_seen.status);
        IF c.state <> 'ended' THEN
            c.last_seen_at := greatest(c.last_seen_at, v_seen.last_seen_at);
        END IF;
        c.idle_since := ctaudit.unchanged_since(
            v_seen.packets
                || CASE WHEN v_is_last THEN ARRAY[c.orig_packets + c.reply_packets] ELSE '{}' END,
            v_seen.read_at
        );
        SELECT
            a.most, b.most, s.most, t.most,
            a.was_reset OR b.was_reset OR s.was_reset OR t.was_reset
        INTO c.orig_packets, c.orig_bytes, c.reply_packets, c.reply_bytes, v_was_reset
        FROM
            ctaudit.most_counted(
                v_seen.orig_packets || CASE WHEN v_is_last THEN c.orig_packets END) AS a,
            ctaudit.most_counted(
                v_seen.orig_bytes || CASE WHEN v_is_last THEN c.orig_bytes END) AS b,
            ctaudit.most_counted(
                v_seen.reply_packets || CASE WHEN v_is_last THEN c.reply_packets END) AS s,
            ctaudit.most_counted(
                v_seen.reply_bytes || CASE WHEN v_is_last THEN c.reply_bytes END) AS t;
    END IF;
    v_offloaded := v_offloaded OR ctaudit.is_offloaded(c.status);
    IF v_offloaded THEN
        c.orig_packets := NULL;
        c.orig_bytes := NULL;
        c.reply_packets := NULL;
        c.reply_bytes := NULL;
        c.idle_since := NULL;
    END IF;
    c.counters := CASE
        WHEN coalesce(c.orig_packets, c.orig_bytes, c.reply_packets, c.reply_bytes) IS NULL
            THEN 'unknown'
        WHEN v_is_last AND NOT v_was_reset THEN 'exact'
        ELSE 'at least'
    END;
    c.counters_cause := CASE
        WHEN v_offloaded THEN 'offloaded to a flowtable'
        WHEN c.counters = 'exact' THEN NULL
        WHEN c.counters = 'unknown' AND (v_was_seen OR c.state = 'ended')
            THEN 'the kernel did not count, nf_conntrack_acct = 0'
        WHEN c.counters = 'unknown' THEN 'no table dump has shown it'
        WHEN v_was_reset THEN 'another tool set the counters to zero'
        WHEN c.state = 'ended' THEN 'the end has no counters'
        ELSE 'by the last table dump'
    END;
    RETURN c;
END
$function$;
