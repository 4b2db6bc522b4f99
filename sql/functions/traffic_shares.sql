-- Function: ctaudit.traffic_shares
-- What flowed at one node: by host, or in all, from ctaudit.host_hour where that has whole days
-- and the buckets are made of whole hours, and counted (ctaudit.traffic_of) where it has not.
-- Parameters:
--   p_node, p_from, p_until, p_bucket, p_by, p_asked   as of ctaudit.traffic_of; the first bucket
--              begins at p_from
--   p_host     network of the host, of which p_asked is about too
--   p_is_kept  whether hours that are kept may be used: p_asked is about nothing but p_host
-- Returns: rows for each bucket and party, to be added up: where a bucket begins in an earlier row,
--   connections and uncounted of a row are those that began in it
-- Tables touched: host_day, host_hour, and those of ctaudit.traffic_of (read)
CREATE OR REPLACE FUNCTION ctaudit.traffic_shares(
    p_node ctaudit.node,
    p_from timestamptz,
    p_until timestamptz,
    p_bucket interval,
    p_by text,
    p_asked text,
    p_host inet,
    p_is_kept boolean
)
RETURNS SETOF ctaudit.traffic_share
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
SET work_mem = '64MB'
SET TimeZone = 'UTC'
AS $function$
DECLARE
    v_kept tstzmultirange := '{}';
    v_span tstzrange;
BEGIN
    IF p_is_kept AND p_by IN ('host', 'total') AND date_trunc('hour', p_from) = p_from
        AND date_bin(interval '1 hour', p_from + p_bucket, p_from) = p_from + p_bucket
    THEN
        SELECT coalesce(range_agg(tstzrange(d.day, d.day + 1)), '{}')
                * tstzmultirange(tstzrange(p_from, date_trunc('hour', p_until)))
        INTO v_kept
        FROM ctaudit.host_day AS d
        WHERE d.node_id = p_node.node_id AND d.day > p_from - interval '1 day'
            AND d.day < p_until;
    END IF;
    FOR v_span IN SELECT unnest(v_kept) LOOP
        RETURN QUERY
        SELECT
            b.bucket_from, CASE p_by WHEN 'host' THEN h.zones ELSE 0 END,
            CASE p_by WHEN 'host' THEN h.host END, NULL::smallint, NULL::integer,
            sum(CASE h.hour WHEN b.bucket_from THEN h.connections ELSE h.began END),
            sum(h.began),
            sum(CASE h.hour WHEN b.bucket_from THEN h.uncounted ELSE h.uncounted_began END),
            sum(h.uncounted_began), sum(h.packets)::bigint, sum(h.bytes)::bigint,
            sum(h.interpolated_packets)::bigint, sum(h.interpolated_bytes)::bigint,
            sum(h.packets_error)::bigint, sum(h.bytes_error)::bigint
        FROM ctaudit.host_hour AS h
        CROSS JOIN LATERAL (SELECT date_bin(p_bucket, h.hour, p_from) AS bucket_from) AS b
        WHERE h.node_id = p_node.node_id AND h.hour >= lower(v_span) AND h.hour < upper(v_span)
            AND (p_host IS NULL OR h.host <<= p_host)
        GROUP BY 1, 2, 3;
    END LOOP;
    FOR v_span IN SELECT unnest(tstzmultirange(tstzrange(p_from, p_until)) - v_kept) LOOP
        RETURN QUERY
        SELECT
            s.bucket_from, s.zones, s.address, s.proto, s.port,
            CASE WHEN s.bucket_from >= lower(v_span) THEN s.connections ELSE s.began END,
            s.began,
            CASE WHEN s.bucket_from >= lower(v_span) THEN s.uncounted ELSE s.uncounted_began END,
            s.uncounted_began, s.packets, s.bytes, s.interpolated_packets, s.interpolated_bytes,
            s.packets_error, s.bytes_error
        FROM ctaudit.traffic_of(
            p_node, lower(v_span), upper(v_span), p_from, p_bucket, p_by, p_asked
        ) AS s;
    END LOOP;
END
$function$;
