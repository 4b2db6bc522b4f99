-- Function: ctaudit.ask_aggregates
-- The answers of one node that ctaudit.record_aggregate stored as rows of several connections: a
-- row is an answer where its time touches the span and its public ports hold the one asked for.
-- Of a row of one connection everything is known but the client's port, which is that of the public
-- side where nothing is translated. Of several, any one may have been alive then and had that port, so
-- the answer is not exact and has no counters.
-- Parameters:
--   p_node, p_node_id     the node
--   p_from, p_until       the asked span
--   p_ends_until          received_at of ends, until (ctaudit.needed)
--   p_outward, p_inward   conditions on a row r, which may use $11 to $15
--   p_own                 ctaudit.own_networks
--   p_address, p_port, p_remote, p_remote_port, p_proto   $11 to $15
-- Returns: connections
-- Tables touched: aggregate_row (read)
DROP FUNCTION IF EXISTS ctaudit.ask_aggregates(
    text, smallint, timestamptz, timestamptz, timestamptz, text, inet, integer, inet, integer, smallint
);
CREATE OR REPLACE FUNCTION ctaudit.ask_aggregates(
    p_node text,
    p_node_id smallint,
    p_from timestamptz,
    p_until timestamptz,
    p_ends_until timestamptz,
    p_outward text,
    p_inward text,
    p_own inet[],
    p_address inet,
    p_port integer,
    p_remote inet,
    p_remote_port integer,
    p_proto smallint
)
RETURNS SETOF ctaudit.connection
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    RETURN QUERY EXECUTE replace(replace(replace($query$
        SELECT
            $3, CASE WHEN s.outward THEN 'outward' ELSE 'inward' END, 'ended', <one>,
            CASE WHEN s.outward THEN r.orig_src ELSE r.reply_src END,
            CASE WHEN s.outward THEN p.orig_sport ELSE r.reply_sport END,
            CASE WHEN s.outward THEN r.reply_src ELSE r.orig_src END,
            CASE WHEN s.outward THEN r.reply_sport ELSE p.orig_sport END,
            a.first_start, 'kernel'::ctaudit.time_source, NULL::timestamptz,
            a.last_end, 'kernel'::ctaudit.time_source, NULL::timestamptz, NULL::timestamptz,
            NULL::text, NULL::timestamptz, 'event'::ctaudit.provenance,
            ctaudit.zone(a.zones), ctaudit.orig_zone(a.zones), ctaudit.reply_zone(a.zones),
            r.proto, r.orig_src, r.orig_dst, p.orig_sport, r.orig_dport, r.reply_src,
            r.reply_dst, r.reply_sport, p.reply_dport, NULL::smallint, NULL::smallint,
            NULL::smallint, NULL::smallint,
            CASE WHEN <one> THEN a.orig_packets END, CASE WHEN <one> THEN a.orig_bytes END,
            CASE WHEN <one> THEN a.reply_packets END, CASE WHEN <one> THEN a.reply_bytes END,
            NULL::bigint, NULL::bigint, a.status, NULL::smallint, NULL::text, NULL::bytea,
            CASE WHEN <one> THEN 'exact' ELSE 'unknown' END,
            CASE WHEN NOT <one> THEN format(
                'one of %s connections of this host that are stored as one row', a.connections)
            END,
            NULL::timestamptz
        FROM ctaudit.aggregate_row AS a
        CROSS JOIN LATERAL (SELECT
            a.zones, a.proto, a.status, a.client AS orig_src, a.remote AS orig_dst,
            NULL::integer AS orig_sport, a.remote_port AS orig_dport, a.remote AS reply_src,
            a.public AS reply_dst, a.remote_port AS reply_sport, a.public_ports
        ) AS r
        -- As ctaudit.connections has it.
        CROSS JOIN LATERAL (SELECT
            (<outward>) AND NOT coalesce(
                (r.status & 16) = 0 AND r.reply_src <<= ANY ($16)
                AND NOT r.orig_src <<= ANY ($16), false
            ) AS outward,
            (r.status & 48) = 0 AND (<inward>) AND NOT coalesce(
                r.orig_src <<= ANY ($16) AND NOT r.orig_dst <<= ANY ($16), false
            ) AS inward
        ) AS s
        -- The port of the public side, and the client's.
        CROSS JOIN LATERAL (
            SELECT o.port AS reply_dport, CASE WHEN (r.status & 48) = 0 THEN o.port END AS orig_sport
            FROM (SELECT CASE
                WHEN s.outward AND r.public_ports @> $12 THEN $12
                WHEN NOT s.outward AND r.public_ports @> $14 THEN $14
                WHEN <one> THEN lower(r.public_ports)
            END AS port) AS o
        ) AS p
        WHERE a.node_id = $4 AND a.received_at >= $6 AND a.received_at < $5
            AND a.first_start < $2 AND a.last_end >= $1 AND (s.outward OR s.inward)
    $query$, '<one>', 'a.connections = 1'),
    '<outward>', replace(p_outward, 'r.reply_dport = ', 'r.public_ports @> ')),
    '<inward>', replace(p_inward, 'r.orig_sport = ', 'r.public_ports @> '))
    USING p_from, p_until, p_node, p_node_id, p_ends_until,
        p_from - interval '2 hours', NULL::text, NULL::text, NULL::text, NULL::text,
        p_address, p_port, p_remote, p_remote_port, p_proto, p_own;
END
$function$;
