-- Function: ctaudit.alive
-- The connections that are not known to have ended: the entries of a dump and the openings
-- received since it began, without those that a flow closes. The kernel does not dump its
-- table at one instant, so one connection may be returned twice, as an entry and as an opening.
-- Whether a flow closes one is decided by the pair (ctaudit.closes); only where an id was opened
-- more than once by ctaudit.lives, since one end closes one opening.
-- Parameters:
--   p_node
--   p_dump   a complete dump of that node; NULL: since the node's first stream
-- Returns: connections in state 'open'; last_seen_at is a time at which each was alive
-- Errors: as ctaudit.refuse_rewritten
-- Tables touched: dump, stream, clock_doubt, opening, dump_entry, flow (read)
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
    IF p_dump IS NULL THEN
        SELECT least(
            min(s.started_at), (
                SELECT min(k.doubt_from) FROM ctaudit.clock_doubt AS k WHERE k.node = p_node
            )
        ) INTO v_began
        FROM ctaudit.stream AS s WHERE s.node = p_node;
    ELSE
        SELECT d.began_at, d.ended_at INTO STRICT v_began, v_ended
        FROM ctaudit.dump AS d WHERE d.dump_id = p_dump AND d.node = p_node;
    END IF;
    RETURN QUERY EXECUTE $query$
        WITH again AS MATERIALIZED (
            SELECT o.ct_id FROM ctaudit.opening_row AS o
            WHERE o.node_id = $5 AND o.received_at >= $3
            GROUP BY o.ct_id HAVING count(*) > 1
        ),
        seen AS (
            SELECT
                'entry' AS kind, e.received_at, e.started_at,
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
                'opening', o.received_at, o.started_at, ctaudit.time_source_of(o.started_source),
                o.started_after, o.received_at, coalesce(o.started_after, o.started_at),
                ctaudit.provenance_of(o.provenance),
                o.zones, o.proto, o.orig_src, o.orig_dst, o.orig_sport, o.orig_dport,
                o.reply_src, o.reply_dst, o.reply_sport, o.reply_dport,
                NULL, NULL, NULL, NULL,
                o.ct_id, o.mark, o.status, o.state, o.helper, o.labels
            FROM ctaudit.opening_row AS o
            WHERE o.node_id = $5 AND o.received_at >= $3
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
                    WHERE f.node_id = $5 AND f.received_at >= $3
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
                        WHERE f.node_id = $5 AND f.received_at >= $3
                            AND f.ct_id IN (SELECT a.ct_id FROM again AS a)
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
    $query$ USING p_node, p_dump, v_began, v_ended,
        (SELECT n.node_id FROM ctaudit.node AS n WHERE n.node = p_node);
    PERFORM ctaudit.refuse_rewritten();
END
$function$;
