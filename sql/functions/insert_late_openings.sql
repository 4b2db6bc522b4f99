-- Function: ctaudit.insert_late_openings
-- Inserts an opening of provenance 'late' for each end of a batch whose opening is not recorded.
-- In a reliable stream the kernel repeats a DESTROY until it is delivered, but not a NEW. Where the
-- end itself is stored, it tells all that its opening would: then only the openings are looked for
-- that a gap may hide, so that a stream that lost nothing pays nothing.
-- An opening is received soon after the start: it is looked for in the three hours of the start
-- first, then within a day of it. Where the kernel sends no start, what has begun before the last
-- dump that was reconciled is in that dump.
-- Parameters:
--   p_node_id   whose events
--   p_columns   the batch
--   p_stored    whether its ends are stored
-- Returns: how many openings were inserted
-- Tables touched: opening_row; dump_entry_row, dump, gap, node, stream, clock_doubt (read)
CREATE OR REPLACE FUNCTION ctaudit.insert_late_openings(
    p_node_id smallint,
    p_columns ctaudit.event_columns,
    p_stored boolean
)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
-- A partition that has no statistics yet is not to be read whole for each end, nor once into a hash
-- table, which OFFSET 0 prevents.
SET enable_seqscan = off
SET enable_bitmapscan = off
SET jit = off
AS $function$
DECLARE
    -- That of an end e, whose start may be known better than the opening's, by up to an hour.
    v_opening CONSTANT text := $query$ FROM ctaudit.opening_row AS o
        WHERE o.reply_dport = e.reply_dport AND o.reply_dst = e.reply_dst
            AND o.node_id = $2 AND o.received_at >= $4 AND o.received_at < $5
            AND o.started_at >= coalesce(e.start_sent - interval '1 ms', '-infinity')
            AND o.started_at <= coalesce(e.start_sent + interval '1 hour', 'infinity')
            AND ctaudit.same_tuple(
                o.zones, o.proto, o.orig_src, o.orig_dst, o.orig_sport, o.orig_dport, o.ct_id,
                e.zones, e.proto, e.orig_src, e.orig_dst, e.orig_sport, e.orig_dport, e.ct_id
            )
            AND ctaudit.closes(
                o.received_at, o.started_at, ctaudit.time_source_of(o.started_source),
                o.started_after, e.received_at, e.start_sent
            )
    $query$;
    v_node text;
    v_hidden tstzmultirange := '{(,)}';
    v_day timestamptz;
    v_received timestamptz;
    v_dump bigint;
    v_since record;
    v_entries_from timestamptz;
    v_entries_until timestamptz;
    v_from timestamptz;
    v_until timestamptz;
    v_late bigint;
    v_all bigint := 0;
BEGIN
    SELECT n.node INTO v_node FROM ctaudit.node AS n WHERE n.node_id = p_node_id;
    IF p_stored THEN
        v_hidden := ctaudit.hidden_openings(v_node, p_columns);
        IF isempty(v_hidden) THEN
            RETURN 0;
        END IF;
    END IF;
    FOR v_day, v_received IN
        SELECT date_trunc('day', e.start_sent, 'UTC') AS day, max(e.received_at)
        FROM ctaudit.events(p_columns) AS e WHERE e.kind = 3 GROUP BY day
    LOOP
        v_from := v_day - interval '1 day';
        v_until := v_day + interval '2 days';
        IF v_day IS NULL THEN
            v_dump := ctaudit.last_dump(v_node, NULL, true);
            v_since := ctaudit.recorded_since(v_node, v_dump, v_received);
            v_from := v_since.began_at;
            v_entries_from := v_since.entries_from;
            v_entries_until := v_since.entries_until;
            v_until := v_since.received_until;
        END IF;
        EXECUTE replace($query$
            INSERT INTO ctaudit.opening_row (
                received_at, started_at, ct_id, mark, zones, orig_sport, orig_dport,
                reply_sport, reply_dport, status, node_id, proto, state, started_source,
                provenance, orig_src, orig_dst, reply_src, reply_dst, helper, labels
            )
            SELECT
                e.received_at, coalesce(e.start_sent, e.received_at), e.ct_id, e.mark, e.zones,
                e.orig_sport, e.orig_dport, e.reply_sport, e.reply_dport, e.status, $2, e.proto,
                e.state, CASE WHEN e.start_sent IS NOT NULL THEN 'k'::"char" ELSE 'r' END, 'l',
                e.orig_src, e.orig_dst, e.reply_src, e.reply_dst, e.helper, e.labels
            FROM (
                SELECT
                    e.received_at, e.start_sent, coalesce(e.ct_id, -1) AS ct_id,
                    nullif(e.mark, 0) AS mark,
                    ctaudit.zone_pair(e.zone, e.orig_zone, e.reply_zone) AS zones, e.proto,
                    coalesce(e.orig_sport, -1) AS orig_sport,
                    ctaudit.coded_port(e.orig_dport, e.orig_icmp_type, e.orig_icmp_code)
                        AS orig_dport,
                    ctaudit.coded_port(e.reply_sport, e.reply_icmp_type, e.reply_icmp_code)
                        AS reply_sport,
                    coalesce(e.reply_dport, -1) AS reply_dport, e.status, e.state, e.orig_src,
                    e.orig_dst, e.reply_src, e.reply_dst, e.helper, e.labels,
                    coalesce(e.start_sent, e.received_at - interval '3 hours') - interval '1 min'
                        AS near_from,
                    coalesce(e.start_sent + interval '10 min', e.received_at) AS near_until
                FROM ctaudit.events($1) AS e
                WHERE e.kind = 3 AND date_trunc('day', e.start_sent, 'UTC') IS NOT DISTINCT FROM $3
                    AND ($3 IS NULL OR e.start_sent <@ $9)
            ) AS e
            WHERE NOT (
                EXISTS (SELECT <opening>
                    AND ctaudit.index_time(o.received_at) >= ctaudit.index_time(e.near_from)
                    AND ctaudit.index_time(o.received_at) <= ctaudit.index_time(e.near_until) OFFSET 0)
                OR EXISTS (SELECT <opening> OFFSET 0)
                OR $3 IS NULL AND EXISTS (
                    SELECT FROM ctaudit.dump_entry_row AS r
                    WHERE r.reply_dport = e.reply_dport AND r.reply_dst = e.reply_dst
                        AND r.dump_id = $6 AND r.node_id = $2 AND r.received_at BETWEEN $7 AND $8
                        AND ctaudit.same_tuple(
                            r.zones, r.proto, r.orig_src, r.orig_dst, r.orig_sport, r.orig_dport,
                            r.ct_id, e.zones, e.proto, e.orig_src, e.orig_dst, e.orig_sport,
                            e.orig_dport, e.ct_id
                        )
                    OFFSET 0
                )
            )
        $query$, '<opening>', v_opening)
        USING p_columns, p_node_id, v_day, v_from, v_until, v_dump, v_entries_from,
            v_entries_until, v_hidden;
        GET DIAGNOSTICS v_late = ROW_COUNT;
        v_all := v_all + v_late;
    END LOOP;
    RETURN v_all;
END
$function$;
