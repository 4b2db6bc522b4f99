-- Function: ctaudit.keep_host_hours
-- Keeps in ctaudit.host_hour what ctaudit.traffic counts of one day, by host and hour. It may be
-- repeated: the day's rows are made anew. A day is counted once nothing of it can come any more:
-- a complete dump that began after it is in the record, and two hours after that as well, or the
-- node is gone.
-- Parameters: p_node; p_day   a UTC day
-- Returns: how many rows; NULL: it is too early, nothing was done
-- Tables touched: host_day, host_hour (written); node, dump, stream, and those of
--   ctaudit.traffic_of (read)
CREATE OR REPLACE FUNCTION ctaudit.keep_host_hours(p_node text, p_day date)
RETURNS bigint
LANGUAGE plpgsql
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
        coalesce(ctaudit.gone_at(v_node) >= v_until, false) OR EXISTS (
            SELECT FROM ctaudit.dump AS d
            JOIN ctaudit.stream AS s ON s.node = d.node
            WHERE d.node = p_node AND d.began_at >= v_until
                AND s.covered_until >= d.ended_at + interval '2 hours'
        )
    ) THEN
        RETURN NULL;
    END IF;
    -- Two at once take turns at this row.
    INSERT INTO ctaudit.host_day (node_id, day) VALUES (v_node.node_id, p_day)
    ON CONFLICT (node_id, day) DO UPDATE SET kept_at = clock_timestamp();
    DELETE FROM ctaudit.host_hour AS h
    WHERE h.node_id = v_node.node_id AND h.hour >= v_from AND h.hour < v_until;
    INSERT INTO ctaudit.host_hour (
        hour, packets, bytes, interpolated_packets, interpolated_bytes, packets_error,
        bytes_error, zones, connections, began, uncounted, uncounted_began, node_id, host
    )
    SELECT
        s.bucket_from, s.packets, s.bytes, s.interpolated_packets, s.interpolated_bytes,
        s.packets_error, s.bytes_error, s.zones, s.connections, s.began, s.uncounted, s.uncounted_began,
        v_node.node_id, s.address
    FROM ctaudit.traffic_of(
        v_node, v_from, v_until, v_from, interval '1 hour', 'host', 'true'
    ) AS s
    ORDER BY s.bucket_from, s.address;
    GET DIAGNOSTICS v_kept = ROW_COUNT;
    RETURN v_kept;
END
$function$;
