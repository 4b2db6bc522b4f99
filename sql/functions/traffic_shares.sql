-- Function: ctaudit.traffic_shares
-- What flowed at one node: by host, or in all, from ctaudit.traffic_sum where that has hours, or
-- days, that lie whole in one bucket, and counted (ctaudit.traffic_of) where it has not.
-- Parameters:
--   p_node, p_from, p_until, p_bucket, p_by, p_asked   as of ctaudit.traffic_of; the first bucket
--              begins at p_from
--   p_host     network of the host, of which p_asked is about too
--   p_is_kept  whether hours that are kept may be used: p_asked is about nothing but p_host
-- Returns: rows for each bucket and party, to be added up: where a bucket begins in an earlier row,
--   connections and uncounted of a row are those that began in it
-- Tables touched: summed_day, traffic_day, traffic_hour, and those of ctaudit.traffic_of (read)
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
SET jit = off
SET plan_cache_mode = force_custom_plan
SET TimeZone = 'UTC'
AS $function$
DECLARE
    v_kept tstzmultirange := '{}';
    v_days timestamptz[];
    v_hours timestamptz[];
    v_span tstzrange;
    c_hour constant interval := '1 hour';
    c_least constant interval := '1 us';
    v_first timestamptz := date_trunc('hour', p_from + c_hour - c_least);
    v_elsewhere CONSTANT tstzmultirange := ctaudit.elsewhere(p_node.node);
BEGIN
    -- Where a bucket does not begin with an hour, its edges are counted.
    IF p_is_kept AND p_by IN ('host', 'total') AND (
        p_bucket >= interval '6 hours' OR v_first = p_from
            AND date_bin(c_hour, p_from + p_bucket, p_from) = p_from + p_bucket
    ) THEN
        -- A day that lies whole in one bucket, and such hours of the others.
        SELECT
            coalesce(range_agg(
                CASE WHEN d.is_whole THEN d.span ELSE tstzrange(h.hour, h.hour + c_hour) END
            ), '{}'),
            array_agg(h.hour) FILTER (WHERE d.is_whole),
            array_agg(h.hour) FILTER (WHERE NOT d.is_whole)
        INTO v_kept, v_days, v_hours
        FROM (
            SELECT
                s.day, l.span, l.span = tstzrange(s.day, s.day + 1)
                    AND date_bin(p_bucket, s.day::timestamptz, p_from)
                        = date_bin(p_bucket, s.day + 1 - c_least, p_from) AS is_whole
            FROM ctaudit.summed_day AS s
            CROSS JOIN LATERAL (SELECT tstzrange(s.day, s.day + 1) * tstzrange(
                v_first, greatest(date_trunc('hour', p_until), v_first)
            ) AS span) AS l
            WHERE s.node_id = p_node.node_id AND s.summed_at > '-infinity' AND NOT isempty(l.span)
                AND NOT l.span && v_elsewhere
        ) AS d
        CROSS JOIN LATERAL generate_series(
            lower(d.span), upper(d.span) - c_hour,
            CASE WHEN d.is_whole THEN interval '1 day' ELSE c_hour END
        ) AS h (hour)
        WHERE d.is_whole OR date_bin(p_bucket, h.hour, p_from)
            = date_bin(p_bucket, h.hour + c_hour - c_least, p_from);
        RETURN QUERY
        SELECT
            b.bucket_from, CASE p_by WHEN 'host' THEN k.zones ELSE 0 END,
            CASE p_by WHEN 'host' THEN k.host END, NULL::smallint, NULL::integer,
            sum(CASE k.sum_from WHEN b.bucket_from THEN k.connections ELSE k.began END),
            sum(k.began),
            sum(CASE k.sum_from WHEN b.bucket_from THEN k.uncounted ELSE k.uncounted_began END),
            sum(k.uncounted_began), sum(k.packets)::bigint, sum(k.bytes)::bigint,
            sum(k.interpolated_packets)::bigint, sum(k.interpolated_bytes)::bigint,
            sum(k.packets_error)::bigint, sum(k.bytes_error)::bigint
        FROM (
            SELECT * FROM ctaudit.traffic_day AS d WHERE d.sum_from = ANY (v_days)
            UNION ALL
            SELECT * FROM ctaudit.traffic_hour AS h WHERE h.sum_from = ANY (v_hours)
        ) AS k
        CROSS JOIN LATERAL (SELECT date_bin(p_bucket, k.sum_from, p_from) AS bucket_from) AS b
        WHERE k.node_id = p_node.node_id
            AND (k.host IS NULL) = (p_by = 'total' AND p_host IS NULL)
            AND (p_host IS NULL OR k.host <<= p_host)
        GROUP BY 1, 2, 3;
    END IF;
    FOR v_span IN
        SELECT unnest(tstzmultirange(tstzrange(p_from, p_until)) - v_kept - v_elsewhere)
    LOOP
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
