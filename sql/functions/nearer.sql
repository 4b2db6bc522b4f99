-- Function: ctaudit.nearer
-- The connections that carried the same packets one step nearer to the host: on another gateway,
-- or in another zone of the same one, which translated them as well.
-- Packets that leave a gateway with the reply tuple of one connection reversed reach the next
-- one with these addresses and ports as their orig tuple.
-- Parameters:
--   p_found           connections that ctaudit.who found; imported ones are not joined, nor those
--                     of which the remote end was not stored (0.0.0.0 or ::, whoever it was)
--   p_from, p_until   the asked span
-- Returns: connections, in no order
-- Tables touched: those of ctaudit.ask (read)
CREATE OR REPLACE FUNCTION ctaudit.nearer(
    p_found ctaudit.connection[],
    p_from timestamptz,
    p_until timestamptz
)
RETURNS SETOF ctaudit.connection
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_outward text;
    v_inward text;
BEGIN
    SELECT
        string_agg(format(
            'r.proto = %s AND r.reply_dst = %L AND r.reply_dport = %s AND r.reply_src = %L '
            'AND (r.proto IN (1, 58) OR r.reply_sport = %s) AND (r.status & 48) <> 0',
            f.proto, f.orig_src, coalesce(f.orig_sport, -1), f.orig_dst, coalesce(f.orig_dport, -1)
        ), ' OR ') FILTER (WHERE f.direction = 'outward'),
        string_agg(format(
            'r.proto = %s AND r.orig_dst = %L AND r.orig_dport = %s AND r.orig_src = %L '
            'AND r.orig_sport = %s AND (r.status & 32) <> 0',
            f.proto, f.reply_src,
            ctaudit.coded_port(f.reply_sport, f.orig_icmp_type, f.orig_icmp_code), f.reply_dst,
            coalesce(f.reply_dport, f.orig_sport, -1)
        ), ' OR ') FILTER (WHERE f.direction = 'inward')
    INTO v_outward, v_inward
    FROM unnest(p_found) AS f
    WHERE f.provenance <> 'imported' AND f.remote NOT IN ('0.0.0.0', '::');
    RETURN QUERY SELECT a.* FROM ctaudit.ask(
        p_from, p_until, NULL, coalesce('(' || v_outward || ')', 'false'),
        coalesce('(' || v_inward || ')', 'false'), NULL, NULL, NULL, NULL, NULL, true, false, true
    ) AS a
    WHERE a.provenance <> 'imported' AND NOT EXISTS (
        SELECT FROM unnest(p_found) AS f
        WHERE f.node = a.node
            AND ctaudit.zone_pair(f.zone, f.orig_zone, f.reply_zone)
                = ctaudit.zone_pair(a.zone, a.orig_zone, a.reply_zone)
            AND f.proto = a.proto AND f.orig_src = a.orig_src AND f.orig_dst = a.orig_dst
            AND f.orig_sport IS NOT DISTINCT FROM a.orig_sport
            AND f.orig_dport IS NOT DISTINCT FROM a.orig_dport
    );
END
$function$;
