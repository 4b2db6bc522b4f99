-- Function: ctaudit.ended_on_pair
-- Whether a connection that a gateway had open when its record ended is known to be over: its
-- declared pair has recorded the end since, while its record stood for both.
-- Parameters:
--   p_connection   one of that gateway's, not observed within the span
--   p_from         begin of the asked span
-- Returns: true: it had ended before the span
-- Tables touched: pair_proof, node, flow_row (read)
CREATE OR REPLACE FUNCTION ctaudit.ended_on_pair(
    p_connection ctaudit.connection,
    p_from timestamptz
)
RETURNS boolean
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_proof record;
BEGIN
    SELECT n.node_id, p.silent_since INTO v_proof
    FROM ctaudit.pair_proof AS p JOIN ctaudit.node AS n ON n.node = p.pair
    WHERE p.node = p_connection.node AND p.proved_from <= p_from
        AND coalesce(p.proved_until, 'infinity') >= p_from
        AND coalesce(p_connection.started_at, p_connection.last_seen_at) <= p.silent_since
    ORDER BY p.proved_from DESC LIMIT 1;
    RETURN FOUND AND EXISTS (
        SELECT FROM ctaudit.flow_row AS f
        WHERE f.node_id = v_proof.node_id AND f.received_at > v_proof.silent_since
            AND coalesce(f.ended_at, f.ended_before, f.received_at) < p_from
            AND f.reply_dport = coalesce(p_connection.reply_dport, -1)
            AND f.reply_dst = p_connection.reply_dst AND f.proto = p_connection.proto
            AND f.reply_src = p_connection.reply_src AND f.reply_sport = ctaudit.coded_port(
                p_connection.reply_sport, p_connection.reply_icmp_type,
                p_connection.reply_icmp_code
            )
            AND f.orig_src = p_connection.orig_src AND f.orig_dst = p_connection.orig_dst
            AND f.orig_sport = coalesce(p_connection.orig_sport, -1)
            AND f.orig_dport = ctaudit.coded_port(
                p_connection.orig_dport, p_connection.orig_icmp_type, p_connection.orig_icmp_code
            )
    );
END
$function$;
