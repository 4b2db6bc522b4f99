-- Function: ctaudit.alive
-- The connections that are not known to have ended, for ctaudit.live: ctaudit.open_query. One that
-- the dump shows and that was opened meanwhile may be returned twice.
-- Parameters:
--   p_node
--   p_dump   a complete dump of that node; NULL: since the node's first stream
--   p_host   the internal end; NULL: any
--   p_port   the port of the public side; NULL: any
-- Returns: connections in state 'open'; last_seen_at is a time at which each was alive
-- Errors: 40001 as ctaudit.refuse_rewritten, ctaudit.refuse_moved
-- Tables touched: dump, stream, clock_doubt, live_copy, live_place, opening, dump_entry, flow (read)
CREATE OR REPLACE FUNCTION ctaudit.alive(
    p_node text,
    p_dump bigint,
    p_host inet,
    p_port integer
)
RETURNS SETOF ctaudit.connection
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
SET enable_nestloop = on
SET enable_hashjoin = on
SET enable_seqscan = on
SET enable_mergejoin = off
SET work_mem = '64MB'
SET jit = off
AS $function$
DECLARE
    v_since record := ctaudit.recorded_since(
        p_node, p_dump, (SELECT max(s.covered_until) FROM ctaudit.stream AS s WHERE s.node = p_node)
    );
    v_node_id CONSTANT smallint := (SELECT n.node_id FROM ctaudit.node AS n WHERE n.node = p_node);
    v_is_filtered CONSTANT boolean := num_nonnulls(p_host, p_port) > 0;
    v_copy ctaudit.live_copy;
    v_ended_at timestamptz := (SELECT d.ended_at FROM ctaudit.dump AS d WHERE d.dump_id = p_dump);
    v_from timestamptz;
    v_again bigint[];
BEGIN
    SELECT c.* INTO v_copy FROM ctaudit.live_copy AS c
    -- Those of a port are found faster by its index.
    WHERE c.node_id = v_node_id AND p_port IS NULL AND v_since.is_ordered
        AND ctaudit.is_usable(c, p_node, p_dump);
    -- How many rows there are since the dump is not known to the planner.
    PERFORM
        set_config('enable_nestloop', CASE WHEN v_is_filtered THEN 'on' ELSE 'off' END, true),
        set_config('enable_hashjoin', CASE WHEN v_is_filtered THEN 'off' ELSE 'on' END, true),
        set_config('enable_seqscan', CASE
            WHEN v_is_filtered OR v_copy.node_id IS NOT NULL THEN 'off' ELSE 'on' END, true);
    v_from := coalesce(v_copy.copied_until, v_since.began_at);
    IF NOT v_is_filtered THEN
        EXECUTE ctaudit.open_query(v_copy, NULL, NULL, NULL) INTO v_again
        USING v_node_id, p_dump, v_since.began_at, v_since.entries_from, v_since.entries_until,
            v_since.received_until, p_host, p_port, v_from, v_ended_at;
        v_again := coalesce(v_again, '{}');
    END IF;
    RETURN QUERY EXECUTE ctaudit.open_query(v_copy, p_host, p_port, v_again) || $query$
        SELECT
            $12::text, CASE WHEN s.status & 32 <> 0 AND s.status & 16 = 0 THEN 'inward'
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
            CASE WHEN NOT n.offloaded THEN s.orig_packets END,
            CASE WHEN NOT n.offloaded THEN s.orig_bytes END,
            CASE WHEN NOT n.offloaded THEN s.reply_packets END,
            CASE WHEN NOT n.offloaded THEN s.reply_bytes END,
            nullif(s.ct_id, -1), s.mark, s.status, s.state, s.helper, s.labels,
            CASE WHEN n.offloaded OR s.orig_packets IS NULL THEN 'unknown' ELSE 'at least' END,
            CASE
                WHEN n.offloaded THEN 'offloaded to a flowtable'
                WHEN s.orig_packets IS NOT NULL THEN 'by the last table dump'
                WHEN s.kind = 'entry' THEN 'the kernel did not count, nf_conntrack_acct = 0'
                ELSE 'no table dump has shown it'
            END,
            NULL::timestamptz
        FROM unended AS s
        CROSS JOIN LATERAL (SELECT ctaudit.is_offloaded(s.status) AS offloaded) AS n
    $query$
    USING v_node_id, p_dump, v_since.began_at, v_since.entries_from, v_since.entries_until,
        v_since.received_until, p_host, p_port, v_from, v_ended_at, v_again, p_node;
    PERFORM ctaudit.refuse_rewritten();
    -- Now the partitions are locked, and no row can have been given another place meanwhile.
    PERFORM ctaudit.refuse_moved(v_copy, p_node, p_dump);
END
$function$;
