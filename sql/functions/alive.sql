-- Function: ctaudit.alive
-- The connections that are not known to have ended, for ctaudit.live: the entries of a dump and the
-- openings received since it began, without those that a flow closes. The kernel does not dump its
-- table at one instant, so one connection may be returned twice, as an entry and as an opening.
-- Those of one port are found by index, those of one host by reading what began since the dump; of
-- each the end is looked up by index. Without either all ends since the dump are read.
-- Whether a flow closes one is decided by the pair (ctaudit.closes); only where an id was opened
-- more than once by ctaudit.lives, since one end closes one opening.
-- Parameters:
--   p_node
--   p_dump   a complete dump of that node; NULL: since the node's first stream
--   p_host   the internal end; NULL: any
--   p_port   the port of the public side; NULL: any
-- Returns: connections in state 'open'; last_seen_at is a time at which each was alive
-- Errors: as ctaudit.refuse_rewritten
-- Tables touched: dump, stream, clock_doubt, opening, dump_entry, flow (read)
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
    v_is_filtered CONSTANT boolean := num_nonnulls(p_host, p_port) > 0;
    v_inward CONSTANT text := 'coalesce(r.status, 0) & 48 = 32';
    v_asked CONSTANT text := concat_ws(
        '',
        CASE WHEN p_host IS NOT NULL THEN format(
            ' AND CASE WHEN %s THEN r.reply_src ELSE r.orig_src END <<= $7', v_inward
        ) END,
        CASE WHEN p_port IS NOT NULL THEN format(
            ' AND (r.reply_dport = $8 AND NOT (%1$s)'
            ' OR r.orig_dport = $8 AND (r.status & 32) <> 0 AND %1$s)', v_inward
        ) END
    );
BEGIN
    -- How many rows there are since the dump is not known to the planner.
    PERFORM
        set_config('enable_nestloop', CASE WHEN v_is_filtered THEN 'on' ELSE 'off' END, true),
        set_config('enable_hashjoin', CASE WHEN v_is_filtered THEN 'off' ELSE 'on' END, true),
        set_config('enable_seqscan', CASE WHEN v_is_filtered THEN 'off' ELSE 'on' END, true);
    RETURN QUERY EXECUTE replace(replace($query$
        WITH again AS MATERIALIZED (
            SELECT r.ct_id FROM ctaudit.opening_row AS r
            WHERE <since> <asked>
            GROUP BY r.ct_id HAVING count(*) > 1
        ),
        seen AS NOT MATERIALIZED (
            SELECT
                'entry' AS kind, r.received_at, r.started_at,
                CASE WHEN r.started_at IS NULL THEN 'dump' ELSE 'kernel' END::ctaudit.time_source
                    AS started_source,
                NULL::timestamptz AS started_after, $3::timestamptz AS seen_at,
                $3::timestamptz AS last_seen_at, 'dump'::ctaudit.provenance AS provenance,
                r.zones, r.proto, r.orig_src, r.orig_dst, r.orig_sport, r.orig_dport,
                r.reply_src, r.reply_dst, r.reply_sport, r.reply_dport,
                r.orig_packets, r.orig_bytes, r.reply_packets, r.reply_bytes,
                r.ct_id, r.mark, r.status, r.state, r.helper, r.labels
            FROM ctaudit.dump_entry_row AS r
            WHERE - r.dump_id = - $2 AND r.node_id = $5 AND r.received_at BETWEEN $4 AND $9 <asked>
            UNION ALL
            SELECT
                'opening', r.received_at, r.started_at, ctaudit.time_source_of(r.started_source),
                r.started_after, r.received_at, coalesce(r.started_after, r.started_at),
                ctaudit.provenance_of(r.provenance),
                r.zones, r.proto, r.orig_src, r.orig_dst, r.orig_sport, r.orig_dport,
                r.reply_src, r.reply_dst, r.reply_sport, r.reply_dport,
                NULL, NULL, NULL, NULL,
                r.ct_id, r.mark, r.status, r.state, r.helper, r.labels
            FROM ctaudit.opening_row AS r
            WHERE <since> <asked>
        ),
        doubled AS MATERIALIZED (
            SELECT row_number() OVER () AS number, s.* FROM seen AS s
            WHERE s.ct_id IN (SELECT a.ct_id FROM again AS a)
        ),
        unended AS (
            SELECT NULL::bigint AS number, s.* FROM seen AS s
            WHERE s.ct_id NOT IN (SELECT a.ct_id FROM again AS a)
                AND NOT EXISTS (
                    SELECT FROM ctaudit.flow_row AS f
                    WHERE f.reply_dport = s.reply_dport AND f.reply_dst = s.reply_dst
                        AND ctaudit.index_time(f.received_at) >= ctaudit.index_time($3)
                        AND f.node_id = $5 AND f.received_at >= $3 AND f.received_at < $6
                        AND ctaudit.same_tuple(
                            f.zones, f.proto, f.orig_src, f.orig_dst, f.orig_sport, f.orig_dport,
                            f.ct_id, s.zones, s.proto, s.orig_src, s.orig_dst, s.orig_sport,
                            s.orig_dport, s.ct_id
                        )
                        AND ctaudit.closes(
                            s.seen_at, s.started_at, s.started_source, s.started_after,
                            f.received_at, f.started_at
                        )
                )
            UNION ALL
            SELECT s.* FROM doubled AS s
            WHERE s.number IN (
                SELECT coalesce(l.entry, l.opening)
                FROM (
                    SELECT array_agg(ROW(
                        t.number, t.kind, t.ct_id, t.status & 4096 <> 0, t.received_at,
                        t.started_at, ctaudit.start_from(t.started_at, t.started_source, t.after),
                        ctaudit.start_until(t.started_at, t.started_source, t.received_at),
                        t.alive_at, t.gone_at
                    )::ctaudit.sighting) AS sightings
                    FROM (
                        SELECT
                            d.number, d.kind, d.received_at, d.started_at, d.started_source,
                            d.started_after AS after,
                            CASE d.kind WHEN 'entry' THEN greatest(d.last_seen_at, d.started_at)
                                ELSE d.last_seen_at END AS alive_at,
                            NULL::timestamptz AS gone_at, d.zones, d.proto, d.orig_src,
                            d.orig_dst, d.orig_sport, d.orig_dport, d.ct_id, d.status
                        FROM doubled AS d
                        UNION ALL
                        SELECT
                            NULL, CASE f.provenance WHEN 'u' THEN 'unobserved' ELSE 'end' END,
                            f.received_at, f.started_at, ctaudit.time_source_of(f.started_source),
                            NULL,
                            coalesce(f.ended_after, f.started_at),
                            coalesce(
                                f.ended_at, f.ended_before,
                                greatest(f.received_at, f.stop_sent, f.started_at)
                            ),
                            f.zones, f.proto, f.orig_src, f.orig_dst, f.orig_sport, f.orig_dport,
                            f.ct_id, f.status
                        FROM ctaudit.flow_row AS f
                        WHERE f.node_id = $5 AND f.received_at >= $3 AND f.received_at < $6
                            AND EXISTS (
                                SELECT FROM doubled AS d
                                WHERE f.reply_dport = d.reply_dport AND f.reply_dst = d.reply_dst
                                    AND ctaudit.index_time(f.received_at)
                                        >= ctaudit.index_time($3)
                                    AND f.ct_id = d.ct_id
                            )
                    ) AS t
                    GROUP BY t.zones, t.proto, t.orig_src, t.orig_dst, t.orig_sport, t.orig_dport
                ) AS g, LATERAL ctaudit.lives(g.sightings) AS l
                WHERE l.gone_at IS NULL
            )
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
    $query$, '<asked>', v_asked), '<since>', '- r.node_id = - $5 AND r.received_at >= $3 '
        'AND r.received_at < $6 AND ctaudit.receipt(r.received_at) >= $3')
    USING p_node, p_dump, v_since.began_at, v_since.entries_from,
        (SELECT n.node_id FROM ctaudit.node AS n WHERE n.node = p_node), v_since.received_until,
        p_host, p_port, v_since.entries_until;
    PERFORM ctaudit.refuse_rewritten();
END
$function$;
