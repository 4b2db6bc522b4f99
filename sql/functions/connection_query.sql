-- Function: ctaudit.connection_query
-- The query of ctaudit.who and ctaudit.flows. It combines openings, flows and the entries of
-- the dumps around the asked span, so that each connection is returned once:
--   A flow with an observed end is a connection. Its opening gives the start where the flow has
--   none.
--   A flow with an unobserved end is left out if the observed end was recorded later.
--   An opening without a flow (ctaudit.closes; of equal openings each flow takes one) is an open
--   connection, unless a later opening of the same tuple shows that it had ended by then.
--   An entry of a dump is a connection where neither opening nor flow is found. For the others
--   it shows that the connection was alive then, and it may give the kernel's start.
-- The query is text, so that the server plans it for the values asked for and opens only the
-- partitions that they need.
--
-- Parameters:
--   p_outward, p_inward   conditions on a row r of opening, flow or dump_entry that make it an
--                         answer: by its reply tuple, or by its orig tuple (destination NAT)
-- Returns: a query for rows of ctaudit.connection with the parameters
--   $1, $2      the asked span [from, until)
--   $3          node or NULL
--   $4, $5      received_at of openings
--   $6, $7      dump_id of the dumps before and after the span
--   $8, $9      received_at of their entries
--   $10         in nat mode, the latest opening before the span is an answer as well
--   $11 to $15  those of the conditions
--   $16         received_at of flows is before this
-- Tables touched: none; the query reads opening, flow, dump_entry, dump, stream, coverage, gap
CREATE OR REPLACE FUNCTION ctaudit.connection_query(p_outward text, p_inward text)
RETURNS text
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT regexp_replace(replace(replace($query$
    WITH o AS MATERIALIZED (
        SELECT
            r.*, <direction> AS direction,
            row_number() OVER same AS place, first_value(r.ctid::text) OVER same AS leader,
            lead(r.started_at) OVER tuple AS next_at
        FROM ctaudit.opening AS r
        WHERE r.received_at >= $4 AND r.received_at < $5
            AND ($3::text IS NULL OR r.node = $3) AND <asked>
        WINDOW
            same AS (
                PARTITION BY r.node, r.zone, r.proto, r.orig_src, r.orig_dst, r.orig_sport,
                    r.orig_dport, r.ct_id, r.received_at, r.started_at ORDER BY r.ctid
            ),
            tuple AS (
                PARTITION BY r.node, r.zone, r.proto, r.orig_src, r.orig_dst, r.orig_sport,
                    r.orig_dport, r.orig_icmp_type, r.orig_icmp_code
                ORDER BY r.received_at, r.started_at, r.ctid
            )
    ),
    f AS MATERIALIZED (
        SELECT r.*, <direction> AS direction, row_number() OVER () AS number
        FROM ctaudit.flow AS r
        WHERE r.received_at >= least($1, $4) - interval '2 hours' AND r.received_at < $16
            AND (r.started_at IS NULL OR r.started_at < $5)
            AND ($3::text IS NULL OR r.node = $3) AND <asked>
    ),
    e AS MATERIALIZED (
        SELECT DISTINCT ON (
            r.node, r.zone, r.proto, r.orig_src, r.orig_dst, r.orig_sport, r.orig_dport,
            r.ct_id, r.started_at
        )
            r.*, <direction> AS direction, d.began_at, r.dump_id = ANY ($7) AS after,
            CASE WHEN r.started_at IS NULL THEN 'dump' ELSE 'kernel' END::ctaudit.time_source
                AS started_source
        FROM ctaudit.dump_entry AS r
        JOIN ctaudit.dump AS d ON d.dump_id = r.dump_id
        WHERE r.dump_id = ANY ($6 || $7) AND r.received_at >= $8 AND r.received_at <= $9
            AND (r.started_at IS NULL OR r.started_at < $2) AND <asked>
        ORDER BY
            r.node, r.zone, r.proto, r.orig_src, r.orig_dst, r.orig_sport, r.orig_dport,
            r.ct_id, r.started_at, r.received_at DESC
    ),
    taken AS MATERIALIZED (
        SELECT DISTINCT ON (f.number)
            f.number, o.leader, o.received_at, o.started_at, o.started_source, o.started_after
        FROM f JOIN o ON <same f o>
            AND ctaudit.closes(
                o.received_at, o.started_at, o.started_source, o.started_after,
                f.received_at, f.started_at
            )
        ORDER BY
            f.number, CASE WHEN f.started_at IS NOT NULL THEN o.received_at END,
            o.received_at DESC, o.place
    ),
    taken_often AS (
        SELECT t.leader, t.received_at, count(*) AS times
        FROM taken AS t GROUP BY t.leader, t.received_at
    ),
    entry AS MATERIALIZED (
        SELECT e.*, row_number() OVER () AS number FROM e
    ),
    entry_flow AS MATERIALIZED (
        SELECT DISTINCT ON (e.number) e.number, f.number AS flow_number, e.began_at
        FROM entry AS e JOIN f ON <same f e> AND ctaudit.closes(
            e.began_at, e.started_at, e.started_source, NULL, f.received_at, f.started_at
        )
        ORDER BY e.number, f.received_at
    ),
    flow_seen AS (
        SELECT x.flow_number AS number, max(x.began_at) AS seen_at
        FROM entry_flow AS x GROUP BY x.flow_number
    ),
    opening_seen AS (
        SELECT o.leader, o.received_at, max(e.began_at) AS seen_at,
            max(e.started_at) AS started_at
        FROM o JOIN entry AS e ON <same e o> AND ctaudit.closes(
            o.received_at, o.started_at, o.started_source, o.started_after,
            e.received_at, e.started_at
        )
        GROUP BY o.leader, o.received_at
    ),
    covered AS (
        SELECT v.node, max(v.covered_until) AS until
        FROM ctaudit.coverage AS v WHERE v.ends GROUP BY v.node
    ),
    found AS (
        SELECT
            f.node, f.direction, f.provenance,
            CASE f.provenance WHEN 'unobserved' THEN 'unobserved' ELSE 'ended' END AS state,
            coalesce(f.started_at, t.started_at) AS started_at,
            CASE WHEN f.started_at IS NULL THEN t.started_source ELSE f.started_source END
                AS started_source,
            CASE WHEN f.started_at IS NULL THEN t.started_after END AS started_after,
            f.ended_at, f.ended_source, f.ended_after, f.ended_before, f.ended_cause,
            w.seen_at AS last_seen_at,
            coalesce(
                f.ended_at, f.ended_before, greatest(f.received_at, f.stop_sent, f.started_at)
            ) AS gone_at,
            f.received_at, NULL::timestamptz AS next_at,
            f.zone, f.orig_zone, f.reply_zone, f.proto,
            f.orig_src, f.orig_dst, f.orig_sport, f.orig_dport,
            f.reply_src, f.reply_dst, f.reply_sport, f.reply_dport,
            f.orig_icmp_type, f.orig_icmp_code, f.reply_icmp_type, f.reply_icmp_code,
            f.orig_packets, f.orig_bytes, f.reply_packets, f.reply_bytes,
            f.ct_id, f.mark, f.status, f.state AS protocol_state, f.helper, f.labels
        FROM f LEFT JOIN taken AS t USING (number) LEFT JOIN flow_seen AS w USING (number)
        WHERE f.provenance <> 'unobserved' OR NOT EXISTS (
            SELECT FROM f AS g LEFT JOIN taken AS u USING (number)
            WHERE g.provenance <> 'unobserved' AND <same f g>
                AND CASE WHEN t.leader IS NOT NULL AND u.leader IS NOT NULL
                    THEN t.leader = u.leader AND t.received_at = u.received_at
                    ELSE ctaudit.closes(
                        f.ended_after, f.started_at, f.started_source, NULL,
                        g.received_at, g.started_at
                    ) END
        )
        UNION ALL
        SELECT
            o.node, o.direction, o.provenance, 'open',
            coalesce(w.started_at, o.started_at),
            CASE WHEN w.started_at IS NULL THEN o.started_source ELSE 'kernel' END,
            CASE WHEN w.started_at IS NULL THEN o.started_after END,
            NULL, NULL, NULL, NULL, NULL,
            greatest(
                CASE o.started_source WHEN 'receiver' THEN o.started_after
                    ELSE o.started_at END,
                w.seen_at
            ),
            coalesce(o.next_at, 'infinity'), o.received_at, o.next_at,
            o.zone, o.orig_zone, o.reply_zone, o.proto,
            o.orig_src, o.orig_dst, o.orig_sport, o.orig_dport,
            o.reply_src, o.reply_dst, o.reply_sport, o.reply_dport,
            o.orig_icmp_type, o.orig_icmp_code, o.reply_icmp_type, o.reply_icmp_code,
            NULL, NULL, NULL, NULL,
            o.ct_id, o.mark, o.status, o.state, o.helper, o.labels
        FROM o LEFT JOIN taken_often AS t USING (leader, received_at)
        LEFT JOIN opening_seen AS w USING (leader, received_at)
        WHERE o.place > coalesce(t.times, 0)
        UNION ALL
        SELECT
            e.node, e.direction, 'dump', CASE WHEN e.after OR NOT e.node = ANY (
                SELECT d.node FROM ctaudit.dump AS d WHERE d.dump_id = ANY ($7)
            ) THEN 'open' ELSE 'unobserved' END,
            e.started_at, e.started_source, NULL,
            NULL, NULL, NULL, NULL, NULL, e.began_at, 'infinity', e.received_at, NULL,
            e.zone, e.orig_zone, e.reply_zone, e.proto,
            e.orig_src, e.orig_dst, e.orig_sport, e.orig_dport,
            e.reply_src, e.reply_dst, e.reply_sport, e.reply_dport,
            e.orig_icmp_type, e.orig_icmp_code, e.reply_icmp_type, e.reply_icmp_code,
            e.orig_packets, e.orig_bytes, e.reply_packets, e.reply_bytes,
            e.ct_id, e.mark, e.status, e.state, e.helper, e.labels
        FROM entry AS e LEFT JOIN entry_flow AS x USING (number)
        WHERE x.number IS NULL AND NOT EXISTS (
            SELECT FROM o LEFT JOIN taken_often AS t USING (leader, received_at)
            WHERE <same o e>
                AND (e.started_at IS NOT NULL OR o.place > coalesce(t.times, 0))
                AND ctaudit.closes(
                    coalesce(o.started_after, o.received_at), o.started_at, o.started_source,
                    o.started_after, e.received_at, e.started_at
                )
        )
    ),
    stream AS MATERIALIZED (
        SELECT
            s.node, s.mode, s.started_at,
            lead(s.started_at) OVER (PARTITION BY s.node ORDER BY s.started_at) AS until
        FROM ctaudit.stream AS s
    ),
    judged AS (
        SELECT
            c.*, coalesce(s.mode, 'live') AS mode,
            CASE WHEN c.gone_at = 'infinity' AND c.state = 'open' THEN
                c.last_seen_at >= $2 OR (
                    v.until >= $1
                    AND NOT EXISTS (
                        SELECT FROM ctaudit.gap AS g
                        WHERE g.node = c.node AND g.hides_ends AND g.gap_from < $2
                            AND coalesce(g.gap_until, 'infinity')
                                > coalesce(c.last_seen_at, c.started_at)
                    )
                )
            END AS surely_open,
            CASE WHEN coalesce(s.mode, 'live') = 'nat' AND c.state = 'open'
                    AND coalesce(c.started_at < $1, true) THEN
                row_number() OVER (
                    PARTITION BY c.node, s.mode, c.state,
                        coalesce(c.started_at < $1, true), c.direction, c.zone, c.proto,
                        CASE c.direction WHEN 'outward' THEN c.reply_dst
                            ELSE c.orig_dst END,
                        CASE c.direction WHEN 'outward' THEN c.reply_dport ELSE c.orig_dport END
                    ORDER BY c.started_at DESC NULLS LAST, c.received_at DESC
                )
            END AS nth_before
        FROM found AS c LEFT JOIN covered AS v ON v.node = c.node
        LEFT JOIN stream AS s ON s.node = c.node AND c.received_at >= s.started_at
            AND (s.until IS NULL OR c.received_at < s.until)
        WHERE coalesce(c.started_after, c.started_at, '-infinity') < $2 AND c.gone_at >= $1
    )
    SELECT
        j.node, j.direction,
        CASE
            WHEN j.state <> 'open' THEN j.state
            WHEN j.mode = 'nat' THEN 'unknown'
            WHEN j.next_at IS NOT NULL THEN 'unobserved'
            WHEN j.surely_open THEN 'open'
            ELSE 'unknown'
        END,
        j.mode <> 'nat' AND j.started_at < $2 AND j.started_at IS NOT NULL AND coalesce(
            j.started_source <> 'dump' AND coalesce(j.started_after, j.started_at) >= $1
            OR j.last_seen_at >= $1
            OR j.state = 'ended' AND j.ended_source = 'kernel'
            OR j.ended_after >= $1
            OR j.surely_open, false),
        CASE j.direction WHEN 'outward' THEN j.orig_src ELSE j.reply_src END,
        CASE j.direction WHEN 'outward' THEN j.orig_sport ELSE j.reply_sport END,
        CASE j.direction WHEN 'outward' THEN j.reply_src ELSE j.orig_src END,
        CASE j.direction WHEN 'outward' THEN j.reply_sport ELSE j.orig_sport END,
        j.started_at, j.started_source, j.started_after, j.ended_at, j.ended_source,
        CASE WHEN j.ended_after IS NULL AND (j.next_at IS NOT NULL OR j.state = 'unobserved')
            THEN j.last_seen_at ELSE j.ended_after END,
        coalesce(j.ended_before, j.next_at, CASE WHEN j.state = 'unobserved' THEN (
            SELECT min(d.ended_at) FROM ctaudit.dump AS d
            WHERE d.node = j.node AND d.dump_id = ANY ($7)
        ) END),
        j.ended_cause, j.last_seen_at, j.provenance,
        j.zone, j.orig_zone, j.reply_zone, j.proto,
        j.orig_src, j.orig_dst, j.orig_sport, j.orig_dport,
        j.reply_src, j.reply_dst, j.reply_sport, j.reply_dport,
        j.orig_icmp_type, j.orig_icmp_code, j.reply_icmp_type, j.reply_icmp_code,
        j.orig_packets, j.orig_bytes, j.reply_packets, j.reply_bytes,
        j.ct_id, j.mark, j.status, j.protocol_state, j.helper, j.labels
    FROM judged AS j
    WHERE (j.nth_before IS NULL OR $10 AND j.nth_before = 1)
    $query$, '<asked>', '(' || p_outward || ' OR (r.status & 32) <> 0 AND ' || p_inward || ')'),
    '<direction>', '(CASE WHEN ' || p_outward || ' AND NOT ((coalesce(r.status, 0) & 48) = 32 AND '
        || p_inward || ') THEN ''outward'' ELSE ''inward'' END)'),
    '<same (\w) (\w)>', '(\1.node = \2.node AND ctaudit.same_tuple('
        '\1.zone, \1.proto, \1.orig_src, \1.orig_dst, \1.orig_sport, \1.orig_dport, \1.ct_id, '
        '\2.zone, \2.proto, \2.orig_src, \2.orig_dst, \2.orig_sport, \2.orig_dport, \2.ct_id))',
    'g');
$function$;
