-- Function: ctaudit.canary
-- Whether a UDP packet that the gateway sent to itself is recorded, by the way of all events: as an
-- opening or, in mode history, as an end. It tells nothing of another connection than of 127.0.0.1
-- to itself, so it is no inquiry.
-- Parameters:
--   p_node, p_stream   whose: a stream that it records; the name may be one that the node had
--   p_sent_at          when it was sent, by the gateway's clock
--   p_sport, p_dport   its ports
-- Returns: true or false
-- Errors: CT005 as ctaudit.refuse_foreign
-- Tables touched: node, node_change, node_login, stream, opening_row, flow_row (read)
CREATE OR REPLACE FUNCTION ctaudit.canary(
    p_node text,
    p_stream uuid,
    p_sent_at timestamptz,
    p_sport integer,
    p_dport integer
)
RETURNS boolean
LANGUAGE plpgsql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    -- The receiver may have read the event before the sender had read its own clock.
    v_since CONSTANT timestamptz := p_sent_at - interval '1 second';
    v_node_id smallint;
BEGIN
    p_node := ctaudit.own_node(p_node, p_stream);
    SELECT n.node_id INTO v_node_id FROM ctaudit.node AS n WHERE n.node = p_node;
    RETURN EXISTS (
        SELECT FROM ctaudit.opening_row AS o
        WHERE o.reply_dport = p_sport AND o.reply_dst = '127.0.0.1'
            AND ctaudit.index_time(o.received_at) >= ctaudit.index_time(v_since)
            AND o.received_at >= v_since AND o.node_id = v_node_id AND o.provenance = 'e'
            AND o.proto = 17 AND o.orig_src = '127.0.0.1' AND o.orig_dst = '127.0.0.1'
            AND o.orig_sport = p_sport AND o.orig_dport = p_dport
    ) OR EXISTS (
        SELECT FROM ctaudit.flow_row AS f
        WHERE f.reply_dport = p_sport AND f.reply_dst = '127.0.0.1'
            AND ctaudit.index_time(f.received_at) >= ctaudit.index_time(v_since)
            AND f.received_at >= v_since AND f.node_id = v_node_id AND f.provenance = 'e'
            AND f.proto = 17 AND f.orig_src = '127.0.0.1' AND f.orig_dst = '127.0.0.1'
            AND f.orig_sport = p_sport AND f.orig_dport = p_dport
            -- The end of an earlier connection of the same port is not that of the canary.
            AND coalesce(f.started_at >= v_since, true)
    );
END
$function$;
