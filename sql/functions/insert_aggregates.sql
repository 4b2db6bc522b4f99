-- Function: ctaudit.insert_aggregates
-- Inserts similar ends of a batch as one row: those with the same client, public address, remote,
-- remote port, protocol and kind of translation that began in the same span of time.
-- Parameters:
--   p_node_id   whose events
--   p_bucket    the length of that span
--   p_columns   the batch; only events of kind 0 are inserted
-- Returns: how many events
-- Tables touched: aggregate_row, node
CREATE OR REPLACE FUNCTION ctaudit.insert_aggregates(
    p_node_id smallint,
    p_bucket interval,
    p_columns ctaudit.event_columns
)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
AS $function$
DECLARE
    v_inserted bigint;
BEGIN
    WITH added AS (
        INSERT INTO ctaudit.aggregate_row (
            received_at, first_start, last_end, orig_packets, orig_bytes, reply_packets,
            reply_bytes, connections, zones, remote_port, status, node_id, proto, client, public,
            remote, public_ports
        )
        SELECT
            max(e.received_at), min(e.start_sent), max(e.stop_sent), sum(e.orig_packets),
            sum(e.orig_bytes), sum(e.reply_packets), sum(e.reply_bytes), count(*),
            ctaudit.zone_pair(e.zone, e.orig_zone, e.reply_zone), e.reply_sport,
            bit_or(e.status), p_node_id, e.proto, e.orig_src, e.reply_dst, e.reply_src,
            range_agg(int4range(e.reply_dport, e.reply_dport + 1))
        FROM ctaudit.events(p_columns) AS e
        WHERE e.kind = 0
        GROUP BY
            e.orig_src, e.reply_dst, e.reply_src, e.reply_sport, e.proto, e.zone, e.orig_zone,
            e.reply_zone, e.status & 48, date_bin(p_bucket, e.start_sent, '2000-01-01 00:00+00')
        RETURNING connections
    )
    SELECT coalesce(sum(a.connections), 0) INTO v_inserted FROM added AS a;
    UPDATE ctaudit.node AS n SET aggregated = true
    WHERE n.node_id = p_node_id AND NOT n.aggregated AND v_inserted > 0;
    RETURN v_inserted;
END
$function$;
