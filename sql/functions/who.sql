-- Function: ctaudit.who
-- Who used a public address and port in the span [p_from, p_until).
--   outward  the address and port are what the outside saw of a client (reply_dst,
--            reply_dport); host is the client, remote the server
--   inward   the client called them (orig_dst, orig_dport), and they were not translated or a
--            destination NAT forwarded them; host is the server, remote the client
-- A connection is an answer if it began before p_until and had not ended before p_from. Where
-- only the receiver's time of an opening is known, the connection may have begun since
-- started_after: then it is an answer as well, but not exact. In nat mode, which records no
-- ends, the latest opening of the address and port before the span is an answer, with state
-- 'unknown' and never exact.
-- Packets may pass several gateways or zones, of which each translates: what carried the same
-- packets nearer to the host is an answer too (ctaudit.answer_who), of whichever node and zone.
-- Parameters:
--   p_address, p_port   as the outside saw them; p_port NULL: any port; for ICMP it is the
--                       query id
--   p_from, p_until     the span
--   p_remote, p_remote_port, p_proto, p_node   further conditions; NULL: any. A remote end that
--                       was not stored (privacy.remote = false) may be each, and is 0.0.0.0 or ::
--   p_zone            the conntrack zone of either direction; NULL: any
-- Returns: connections, ordered by started_at. exact: it was observed, not inferred, that the
--          connection was alive within the span.
-- Tables touched: inquiry, inquiry_answer (written); node, stream, dump, gap, coverage, opening,
--   flow, dump_entry (read)
CREATE OR REPLACE FUNCTION ctaudit.who(
    p_address inet,
    p_port integer,
    p_from timestamptz,
    p_until timestamptz,
    p_remote inet DEFAULT NULL,
    p_remote_port integer DEFAULT NULL,
    p_proto smallint DEFAULT NULL,
    p_node text DEFAULT NULL,
    p_zone integer DEFAULT NULL
)
RETURNS SETOF ctaudit.connection
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_asked record;
    v_arguments jsonb;
    v_inquiry bigint;
    v_answers bigint;
BEGIN
    p_address := ctaudit.plain_address(p_address);
    p_remote := ctaudit.plain_address(p_remote);
    SELECT * INTO v_asked FROM ctaudit.who_conditions(
        p_address, p_port, p_remote, p_remote_port, p_proto, p_zone
    );
    v_arguments := ctaudit.who_arguments(
        p_address, p_port, p_from, p_until, p_remote, p_remote_port, p_proto, p_node, p_zone
    );
    v_inquiry := ctaudit.note_question('who', v_arguments);
    IF v_inquiry IS NULL THEN
        RETURN;
    END IF;
    RETURN QUERY SELECT * FROM ctaudit.answer_who(
        p_address, p_port, p_from, p_until, p_remote, p_remote_port, p_proto, p_node,
        v_asked.outward, v_asked.inward
    );
    GET DIAGNOSTICS v_answers = ROW_COUNT;
    PERFORM ctaudit.note_answers(v_inquiry, 'who', v_arguments, v_answers);
END
$function$;
