-- Function: ctaudit.flows
-- The connections that were alive in the span [p_from, p_until). In nat mode, which records no
-- ends, those that began in it.
-- Parameters:
--   p_host            network of the internal end: the client, or the server behind a
--                     destination NAT; where nothing is translated, of either end, and
--                     the client's if both are in it
--   p_nat             network of the public address that the outside saw in its place
--   p_remote          network of the other end; one that was not stored may be in each
--   p_from, p_until   the span; NULL: without bound
--   p_open            true: only connections without a recorded end
--   p_node, p_limit   NULL: any node; no limit
--   p_zone            the conntrack zone of either direction; NULL: any
-- Returns: connections, ordered by started_at
-- Tables touched: inquiry, inquiry_answer (written); node, stream, dump, gap, coverage, opening,
--   flow, dump_entry (read)
CREATE OR REPLACE FUNCTION ctaudit.flows(
    p_host inet DEFAULT NULL,
    p_nat inet DEFAULT NULL,
    p_remote inet DEFAULT NULL,
    p_from timestamptz DEFAULT NULL,
    p_until timestamptz DEFAULT NULL,
    p_open boolean DEFAULT false,
    p_node text DEFAULT NULL,
    p_limit integer DEFAULT NULL,
    p_zone integer DEFAULT NULL
)
RETURNS SETOF ctaudit.connection
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_outward text := 'true';
    v_inward text := 'true';
    v_zone text := ctaudit.zone_condition(p_zone);
    v_arguments jsonb;
    v_inquiry bigint;
    v_answers bigint;
BEGIN
    p_host := ctaudit.plain_network(p_host);
    p_nat := ctaudit.plain_network(p_nat);
    p_remote := ctaudit.plain_network(p_remote);
    IF p_host IS NOT NULL THEN
        v_outward := v_outward || ' AND r.orig_src <<= $11';
        v_inward := v_inward || ' AND r.reply_src <<= $11';
    END IF;
    IF p_nat IS NOT NULL THEN
        v_outward := v_outward || ' AND r.reply_dst <<= $13';
        v_inward := v_inward || ' AND r.orig_dst <<= $13';
    END IF;
    IF p_remote IS NOT NULL THEN
        v_outward := v_outward || format(
            ' AND (r.reply_src <<= %L::inet OR r.reply_src IN (''0.0.0.0'', ''::''))', p_remote);
        -- One that was not stored has no port: a host that asks for its address (DHCP) has.
        v_inward := v_inward || format(
            ' AND (r.orig_src <<= %L::inet OR r.orig_src IN (''0.0.0.0'', ''::'') '
            'AND (r.orig_sport = 0 OR r.proto NOT IN (6, 17, 33, 132, 136)))', p_remote);
    END IF;
    v_arguments := jsonb_build_object(
        'host', p_host, 'nat', p_nat, 'remote', p_remote, 'from', p_from, 'until', p_until,
        'open', p_open, 'node', p_node, 'limit', p_limit, 'zone', p_zone
    );
    v_inquiry := ctaudit.note_question('flows', v_arguments);
    IF v_inquiry IS NULL THEN
        RETURN;
    END IF;
    RETURN QUERY SELECT * FROM ctaudit.ask(
        p_from, p_until, ctaudit.bounds_for(p_from, p_until, p_node), v_outward || v_zone, v_inward || v_zone,
        p_host, NULL, p_nat, NULL, NULL, p_from IS NULL, p_open, false, p_limit
    ) AS a ORDER BY a.started_at NULLS FIRST LIMIT p_limit;
    GET DIAGNOSTICS v_answers = ROW_COUNT;
    PERFORM ctaudit.note_answers(v_inquiry, 'flows', v_arguments, v_answers);
END
$function$;
