-- Function: ctaudit.who
-- Who used a public address and port in the span [p_from, p_until).
--   outward  the address and port are what the outside saw of a client (reply_dst,
--            reply_dport); host is the client, remote the server
--   inward   they are what a destination NAT forwarded (orig_dst, orig_dport); host is the
--            internal server, remote the client
-- A connection is an answer if it began before p_until and had not ended before p_from. Where
-- only the receiver's time of an opening is known, the connection may have begun since
-- started_after: then it is an answer as well, but not exact. In nat mode, which records no
-- ends, the latest opening of the address and port before the span is an answer, with state
-- 'unknown' and never exact.
-- Parameters:
--   p_address, p_port   as the outside saw them; p_port NULL: any port; for ICMP it is the
--                       query id
--   p_from, p_until     the span
--   p_remote, p_remote_port, p_proto, p_node   further conditions; NULL: any. A remote end that
--                       was not stored (privacy.remote = false) may be each, and is 0.0.0.0 or ::
-- Returns: connections, ordered by started_at. exact: it was observed, not inferred, that the
--          connection was alive within the span.
-- Tables touched: inquiry (written); node, stream, dump, gap, coverage, opening, flow,
--   dump_entry (read)
CREATE OR REPLACE FUNCTION ctaudit.who(
    p_address inet,
    p_port integer,
    p_from timestamptz,
    p_until timestamptz,
    p_remote inet DEFAULT NULL,
    p_remote_port integer DEFAULT NULL,
    p_proto smallint DEFAULT NULL,
    p_node text DEFAULT NULL
)
RETURNS SETOF ctaudit.connection
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_outward text := 'r.reply_dst = $11';
    v_inward text := 'r.orig_dst = $11';
    v_answers bigint;
BEGIN
    IF p_port NOT BETWEEN 0 AND 65535 OR p_remote_port NOT BETWEEN 0 AND 65535 THEN
        RAISE EXCEPTION 'not a port: %', CASE WHEN p_port BETWEEN 0 AND 65535
            THEN p_remote_port ELSE coalesce(p_port, p_remote_port) END
            USING ERRCODE = '22023', HINT = 'A port is 0 to 65535; NULL asks for any.';
    END IF;
    p_address := ctaudit.plain_address(p_address);
    p_remote := ctaudit.plain_address(p_remote);
    IF p_port IS NOT NULL THEN
        v_outward := v_outward || ' AND r.reply_dport = $12';
        v_inward := v_inward || ' AND r.orig_dport = $12 AND r.proto NOT IN (1, 58)';
    END IF;
    IF p_remote IS NOT NULL THEN
        v_outward := v_outward || ' AND r.reply_src IN ($13, ''0.0.0.0'', ''::'')';
        v_inward := v_inward || ' AND r.orig_src IN ($13, ''0.0.0.0'', ''::'')';
    END IF;
    IF p_remote_port IS NOT NULL THEN
        v_outward := v_outward || ' AND (r.reply_sport = $14 OR r.reply_src IN (''0.0.0.0'', ''::''))'
            || ' AND r.proto NOT IN (1, 58)';
        v_inward := v_inward || ' AND (r.orig_sport = $14 OR r.orig_src IN (''0.0.0.0'', ''::''))';
    END IF;
    IF p_proto IS NOT NULL THEN
        v_outward := v_outward || ' AND r.proto = $15';
        v_inward := v_inward || ' AND r.proto = $15';
    END IF;
    RETURN QUERY SELECT * FROM ctaudit.ask(
        p_from, p_until, p_node, v_outward, v_inward,
        p_address, p_port, p_remote, p_remote_port, p_proto, true, false
    );
    GET DIAGNOSTICS v_answers = ROW_COUNT;
    PERFORM ctaudit.note_inquiry('who', jsonb_build_object(
        'address', p_address, 'port', p_port, 'from', p_from, 'until', p_until,
        'remote', p_remote, 'remote_port', p_remote_port, 'proto', p_proto, 'node', p_node
    ), v_answers);
END
$function$;
