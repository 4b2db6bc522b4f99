-- Function: ctaudit.nearer
-- The connections that carried the same packets one step nearer to the host: on another gateway,
-- or in another zone of the same one, which translated them as well.
-- Packets that leave a gateway with the reply tuple of one connection reversed reach the next
-- one with these addresses and ports as their orig tuple.
-- Of a row of ctaudit.record_aggregate the client's port is not known. Then connections with any
-- port may be the same, so none is exact; no index finds them, so they are looked for only where the
-- host may be a gateway's address.
-- Parameters:
--   p_found           connections that ctaudit.who found; imported ones are not joined, nor those
--                     of which the remote end was not stored (0.0.0.0 or ::, whoever it was)
--   p_from, p_until   the asked span
--   p_bounds          ctaudit.bounds_for this span and all nodes, where they are known
-- Returns: connections, in no order
-- Tables touched: node, import; by ctaudit.scopes: scope, and those of ctaudit.ask (read)
DROP FUNCTION IF EXISTS ctaudit.nearer(ctaudit.connection[], timestamptz, timestamptz);
CREATE OR REPLACE FUNCTION ctaudit.nearer(
    p_found ctaudit.connection[],
    p_from timestamptz,
    p_until timestamptz,
    p_bounds ctaudit.row_bounds[] DEFAULT NULL
)
RETURNS SETOF ctaudit.connection
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_bounds CONSTANT ctaudit.row_bounds[] := coalesce(
        p_bounds, ctaudit.bounds_for(p_from, p_until, NULL)
    );
    v_outward text;
    v_inward text;
    v_keys text;
    v_is_vague boolean;
    v_is_one_of_several boolean;
    v_port integer;
    v_connection ctaudit.connection;
BEGIN
    SELECT
        string_agg(format(
            '%s AND r.proto = %s AND r.reply_src = %L '
            'AND (r.proto IN (1, 58) OR r.reply_sport = %s) AND (r.status & 48) <> 0',
            k.key, f.proto, f.orig_dst, coalesce(f.orig_dport, -1)
        ), ' OR ') FILTER (WHERE f.direction = 'outward'),
        string_agg(format(
            '%s AND r.proto = %s AND r.orig_src = %L%s',
            k.key, f.proto, f.reply_dst, CASE WHEN NOT v.is_vague THEN
                format(' AND r.orig_sport = %s', coalesce(f.reply_dport, f.orig_sport, -1)) END
        ), ' OR ') FILTER (WHERE f.direction = 'inward'),
        bool_or(v.is_vague), string_agg(k.key, ' OR ')
    INTO v_outward, v_inward, v_is_vague, v_keys
    FROM unnest(p_found) AS f
    CROSS JOIN LATERAL (SELECT ctaudit.lacks_client_port(f) AS is_vague) AS v
    -- What the indexes of reply and orig tuples find.
    CROSS JOIN LATERAL (
        SELECT CASE f.direction
            WHEN 'outward' THEN format(
                'r.reply_dst = %L%s', f.orig_src, CASE WHEN NOT v.is_vague
                    THEN format(' AND r.reply_dport = %s', coalesce(f.orig_sport, -1)) END
            )
            ELSE format(
                'r.orig_dst = %L AND r.orig_dport = %s AND (r.status & 32) <> 0', f.reply_src,
                ctaudit.coded_port(f.reply_sport, f.orig_icmp_type, f.orig_icmp_code)
            )
        END AS key
    ) AS k
    WHERE f.provenance <> 'imported' AND f.remote NOT IN ('0.0.0.0', '::')
        AND (NOT v.is_vague OR EXISTS (
            SELECT FROM ctaudit.node AS n
            WHERE n.first_seen < p_until AND coalesce(ctaudit.left_at(n) >= p_from, true)
                AND NOT EXISTS (SELECT FROM ctaudit.import AS i WHERE i.node = n.node)
                AND (
                    ctaudit.held_by(n.node, p_from, p_until, ARRAY[f.host]) <> '{}'
                    OR ctaudit.own_networks(n.node, p_from, p_until) IS NULL
                )
        ));
    IF v_keys IS NULL THEN
        RETURN;
    END IF;
    -- Nearly always there is nothing, and to see that costs less than to ask.
    IF v_is_vague IS NOT TRUE AND NOT EXISTS (SELECT FROM ctaudit.node AS n WHERE n.aggregated)
        AND NOT EXISTS (SELECT FROM unnest(v_bounds) AS b WHERE ctaudit.has_row(b, v_keys))
    THEN
        RETURN;
    END IF;
    FOR v_connection IN SELECT a.* FROM ctaudit.ask(
        p_from, p_until, v_bounds, coalesce('(' || v_outward || ')', 'false'),
        coalesce('(' || v_inward || ')', 'false'), NULL, NULL, NULL, NULL, NULL, true, false,
        v_is_vague IS NOT TRUE
    ) AS a
    WHERE a.provenance <> 'imported' AND NOT EXISTS (
        SELECT FROM unnest(p_found) AS f
        WHERE f.node = a.node
            AND ctaudit.zone_pair(f.zone, f.orig_zone, f.reply_zone)
                = ctaudit.zone_pair(a.zone, a.orig_zone, a.reply_zone)
            AND f.proto = a.proto AND f.orig_src = a.orig_src AND f.orig_dst = a.orig_dst
            AND f.orig_sport IS NOT DISTINCT FROM a.orig_sport
            AND f.orig_dport IS NOT DISTINCT FROM a.orig_dport
    ) LOOP
        IF v_is_vague OR ctaudit.lacks_client_port(v_connection) THEN
            SELECT
                bool_or(ctaudit.lacks_client_port(f)),
                CASE WHEN count(DISTINCT f.orig_sport) = 1 THEN min(f.orig_sport) END
            INTO v_is_one_of_several, v_port
            FROM unnest(p_found) AS f
            WHERE f.direction = v_connection.direction AND f.proto = v_connection.proto
                AND f.host = CASE v_connection.direction
                    WHEN 'outward' THEN v_connection.reply_dst ELSE v_connection.orig_dst END;
            v_connection.exact := v_connection.exact AND NOT v_is_one_of_several;
            IF NOT v_is_one_of_several AND v_connection.direction = 'outward' THEN
                v_connection.reply_dport := coalesce(v_connection.reply_dport, v_port);
            END IF;
        END IF;
        RETURN NEXT v_connection;
    END LOOP;
END
$function$;
