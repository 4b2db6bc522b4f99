-- Function: ctaudit.ask_aggregates
-- The answers of one node that ctaudit.record_aggregate stored as rows of several connections: a
-- row is an answer where its time touches the span and its public ports hold the one asked for.
-- Of a row of one connection everything is known but the client's port. Of several, any one may
-- have been alive then and had that port, so the answer is not exact and has no counters.
-- Parameters:
--   p_node, p_node_id   the node
--   p_from, p_until     the asked span
--   p_ends_until        received_at of ends, until (ctaudit.needed)
--   p_outward           condition on a row r, which may use $11 to $15
--   p_address, p_port, p_remote, p_remote_port, p_proto   $11 to $15
-- Returns: connections
-- Tables touched: aggregate_row (read)
CREATE OR REPLACE FUNCTION ctaudit.ask_aggregates(
    p_node text,
    p_node_id smallint,
    p_from timestamptz,
    p_until timestamptz,
    p_ends_until timestamptz,
    p_outward text,
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
    RETURN QUERY EXECUTE replace($query$
        SELECT
            $3, 'outward', 'ended', <one>, r.orig_src, NULL::integer, r.reply_src,
            r.reply_sport, a.first_start, 'kernel'::ctaudit.time_source, NULL::timestamptz,
            a.last_end, 'kernel'::ctaudit.time_source, NULL::timestamptz, NULL::timestamptz,
            NULL::text, NULL::timestamptz, 'event'::ctaudit.provenance,
            ctaudit.zone(a.zones), ctaudit.orig_zone(a.zones), ctaudit.reply_zone(a.zones),
            r.proto, r.orig_src, r.orig_dst, NULL::integer, r.orig_dport, r.reply_src,
            r.reply_dst, r.reply_sport, r.reply_dport, NULL::smallint, NULL::smallint,
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
            a.public AS reply_dst, a.remote_port AS reply_sport, CASE
                WHEN a.public_ports @> $12 THEN $12
                WHEN <one> THEN lower(a.public_ports)
            END AS reply_dport
        ) AS r
        WHERE a.node_id = $4 AND a.received_at >= $6 AND a.received_at < $5
            AND a.first_start < $2 AND a.last_end >= $1
    $query$, '<one>', 'a.connections = 1') || ' AND ' || p_outward
    USING p_from, p_until, p_node, p_node_id, p_ends_until,
        p_from - interval '2 hours', NULL::text, NULL::text, NULL::text, NULL::text,
        p_address, p_port, p_remote, p_remote_port, p_proto;
END
$function$;
