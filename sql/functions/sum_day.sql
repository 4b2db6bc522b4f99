-- Function: ctaudit.sum_day
-- Keeps in ctaudit.traffic_sum what ctaudit.traffic counts of one day, by host and in all. It may
-- be repeated: the day's rows are made anew. A day is summed once nothing of it can come any more:
-- a complete dump that began after it is in the record, and two hours after that as well, or the
-- node is gone.
-- Parameters: p_node; p_day   a UTC day
-- Returns: how many rows; NULL: it is too early, nothing was done
-- Tables touched: summed_day, traffic_sum (written); node, dump, stream, and those of
--   ctaudit.traffic_of (read)
CREATE OR REPLACE FUNCTION ctaudit.sum_day(p_node text, p_day date)
RETURNS bigint
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET TimeZone = 'UTC'
AS $function$
DECLARE
    v_node ctaudit.node;
    v_from timestamptz := p_day;
    v_until timestamptz := p_day + 1;
    v_kept bigint;
BEGIN
    SELECT * INTO v_node FROM ctaudit.node AS n WHERE n.node = p_node;
    IF NOT FOUND OR v_until > now() OR NOT (
        ctaudit.gone_at(v_node) IS NOT NULL OR EXISTS (
            SELECT FROM ctaudit.dump AS d
            JOIN ctaudit.stream AS s ON s.node = d.node
            WHERE d.node = p_node AND d.began_at >= v_until
                AND s.covered_until >= d.ended_at + interval '2 hours'
        )
    ) THEN
        RETURN NULL;
    END IF;
    -- Two at once take turns at this row.
    INSERT INTO ctaudit.summed_day (node_id, day) VALUES (v_node.node_id, p_day)
    ON CONFLICT (node_id, day) DO UPDATE SET summed_at = clock_timestamp();
    DELETE FROM ctaudit.traffic_sum AS s
    WHERE s.node_id = v_node.node_id AND s.sum_from >= v_from AND s.sum_from < v_until;
    WITH hour AS (
        SELECT * FROM ctaudit.traffic_of(
            v_node, v_from, v_until, v_from, interval '1 hour', 'host', 'true'
        )
    )
    INSERT INTO ctaudit.traffic_sum (
        sum_from, hours, zones, host, packets, bytes, interpolated_packets, interpolated_bytes,
        packets_error, bytes_error, connections, began, uncounted, uncounted_began, node_id
    )
    SELECT
        g.sum_from, CASE WHEN g.is_day THEN 24 ELSE 1 END,
        coalesce(h.zones, 0), h.address, sum(h.packets), sum(h.bytes),
        sum(h.interpolated_packets), sum(h.interpolated_bytes), sum(h.packets_error),
        sum(h.bytes_error),
        -- Of a whole day: those of its first hour, and those that began later.
        sum(CASE WHEN h.bucket_from = g.sum_from THEN h.connections ELSE h.began END),
        sum(h.began),
        sum(CASE WHEN h.bucket_from = g.sum_from THEN h.uncounted ELSE h.uncounted_began END),
        sum(h.uncounted_began), v_node.node_id
    FROM hour AS h
    CROSS JOIN LATERAL (VALUES (h.bucket_from, false), (v_from, true)) AS g (sum_from, is_day)
    GROUP BY GROUPING SETS (
        (g.is_day, g.sum_from, h.zones, h.address), (g.is_day, g.sum_from)
    )
    ORDER BY g.sum_from, h.address;
    GET DIAGNOSTICS v_kept = ROW_COUNT;
    RETURN v_kept;
END
$function$;
