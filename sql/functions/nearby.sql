-- Function: ctaudit.nearby
-- What may have been meant where ctaudit.who finds nothing: connections in the span [p_from,
-- p_until) of which the asked address and port are
--   the host's, behind another address, or the remote's;
--   the public address and, where there is a remote, any port towards it, else the remote's port
--   or the host's own.
-- The conditions are no index's: set statement_timeout.
-- Parameters: as those of ctaudit.who; p_limit   at most so many connections
-- Returns: connections, the latest first
-- Tables touched: inquiry, inquiry_answer (written); those of ctaudit.ask (read)
CREATE OR REPLACE FUNCTION ctaudit.nearby(
    p_address inet,
    p_port integer,
    p_from timestamptz,
    p_until timestamptz,
    p_remote inet DEFAULT NULL,
    p_remote_port integer DEFAULT NULL,
    p_proto smallint DEFAULT NULL,
    p_node text DEFAULT NULL,
    p_zone integer DEFAULT NULL,
    p_limit integer DEFAULT 1000
)
RETURNS SETOF ctaudit.connection
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    -- The asked address and port as the source of one tuple or of the other.
    v_source text := format('(r.orig_src = $11%s OR r.reply_src = $11%s)',
        ' AND r.orig_sport = ' || p_port, ' AND r.reply_sport = ' || p_port);
    v_outward text;
    v_inward text;
    v_also text := ctaudit.zone_condition(p_zone)
        || CASE WHEN p_proto IS NULL THEN '' ELSE ' AND r.proto = $15' END;
    v_arguments jsonb;
    v_inquiry bigint;
    v_answers bigint;
BEGIN
    p_address := ctaudit.plain_address(p_address);
    p_remote := ctaudit.plain_address(p_remote);
    v_outward := v_source;
    v_inward := v_source;
    IF p_remote IS NOT NULL THEN
        v_outward := v_outward || ' OR r.reply_dst = $11 AND r.reply_src = $13'
            || coalesce(' AND r.reply_sport = ' || p_remote_port, '');
        v_inward := v_inward || ' OR r.orig_dst = $11 AND r.orig_src = $13'
            || coalesce(' AND r.orig_sport = ' || p_remote_port, '');
    ELSIF p_port IS NOT NULL THEN
        v_outward := v_outward || ' OR r.reply_dst = $11 AND $12 IN (r.reply_sport, r.orig_sport)';
        v_inward := v_inward || ' OR r.orig_dst = $11 AND $12 IN (r.orig_sport, r.reply_sport)';
    END IF;
    v_arguments := ctaudit.who_arguments(
        p_address, p_port, p_from, p_until, p_remote, p_remote_port, p_proto, p_node, p_zone
    ) || jsonb_build_object('limit', p_limit);
    v_inquiry := ctaudit.note_question('nearby', v_arguments);
    IF v_inquiry IS NULL THEN
        RETURN;
    END IF;
    RETURN QUERY SELECT a.* FROM ctaudit.ask(
        p_from, p_until, ctaudit.bounds_for(p_from, p_until, p_node),
        '(' || v_outward || ')' || v_also, '(' || v_inward || ')' || v_also,
        p_address, p_port, p_remote, p_remote_port, p_proto, true, false
    ) AS a ORDER BY a.started_at DESC NULLS LAST LIMIT p_limit;
    GET DIAGNOSTICS v_answers = ROW_COUNT;
    PERFORM ctaudit.note_answers(v_inquiry, 'nearby', v_arguments, v_answers);
END
$function$;
