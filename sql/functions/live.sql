-- Function: ctaudit.live
-- The connections of a node that are open now, as far as is recorded: the entries of its last
-- complete dump and the openings since, without those that have ended since. Of several with
-- the same zones, protocol and orig tuple only the latest is returned: the others have ended. Where
-- the remote end was not stored (0.0.0.0), one port may have connections to several: each is returned.
-- Parameters:
--   p_node   its name, or one that it had
--   p_host   only those of this internal host, or network; NULL: all
--   p_port   only those with this port on the public side; NULL: all
-- Returns: connections in state 'open'
-- Errors: 0A000 the node records in another mode than live, so that openings or ends are missing, or
--   was imported, or was taken over from another store and no dump came since; P0002 no gateway has
--   that name
-- Tables touched: inquiry, inquiry_answer (written); node, node_change, stream, dump, clock_doubt,
--   opening, dump_entry, flow (read)
CREATE OR REPLACE FUNCTION ctaudit.live(
    p_node text,
    p_host inet DEFAULT NULL,
    p_port integer DEFAULT NULL
)
RETURNS SETOF ctaudit.connection
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET work_mem = '64MB'
SET jit = off
AS $function$
DECLARE
    v_nodes CONSTANT text[] := ctaudit.nodes_named(p_node);
    v_other record;
    v_arguments jsonb;
    v_inquiry bigint;
    v_answers bigint;
BEGIN
    p_host := ctaudit.plain_network(p_host);
    IF v_nodes = '{}' THEN
        PERFORM ctaudit.node_named(p_node);
    ELSIF NOT EXISTS (SELECT FROM ctaudit.stream AS s WHERE s.node = ANY (v_nodes)) THEN
        RAISE EXCEPTION 'gateway % was imported: what is open now is not known', v_nodes[1]
            USING ERRCODE = '0A000';
    END IF;
    SELECT n.node, s.mode INTO v_other
    FROM unnest(v_nodes) AS n (node), LATERAL (
        SELECT s.mode FROM ctaudit.stream AS s
        WHERE s.node = n.node ORDER BY s.started_at DESC LIMIT 1
    ) AS s
    WHERE s.mode <> 'live';
    IF FOUND THEN
        RAISE EXCEPTION 'gateway % records in mode %, which does not store %: what is open now is '
            'not known; ask ctaudit.flows(), or let it record with mode = "live"', v_other.node,
            v_other.mode, CASE v_other.mode WHEN 'nat' THEN 'ends' ELSE 'openings' END
            USING ERRCODE = '0A000';
    END IF;
    FOR v_other IN
        SELECT n.node, max(a.at::timestamptz) AS at
        FROM unnest(v_nodes) AS n (node) JOIN ctaudit.stream AS s ON s.node = n.node,
            jsonb_array_elements_text(s.detail -> 'taken_at') AS a (at)
        GROUP BY n.node
    LOOP
        IF NOT EXISTS (
            SELECT FROM ctaudit.dump AS d
            WHERE d.dump_id = ctaudit.last_dump(v_other.node) AND d.began_at >= v_other.at
        ) THEN
            RAISE EXCEPTION 'gateway % was taken over from another store at %, and no table dump has '
                'been recorded since: what is open now is not known; ask again in a moment, or run '
                'systemctl reload ctaudit-receiver on the gateway', v_other.node, v_other.at
                USING ERRCODE = '0A000';
        END IF;
    END LOOP;
    v_arguments := jsonb_build_object('node', p_node, 'host', p_host, 'port', p_port);
    v_inquiry := ctaudit.note_question('live', v_arguments);
    IF v_inquiry IS NULL THEN
        RETURN;
    END IF;
    -- The numbers come first, which are compared fastest.
    RETURN QUERY SELECT DISTINCT ON (
        a.orig_sport, a.orig_src, a.orig_dst, a.orig_dport, a.proto, a.zone, a.orig_zone,
        a.reply_zone, a.orig_icmp_type, a.orig_icmp_code, a.node, u.ct_id
    ) a.*
    FROM unnest(v_nodes) AS n (node),
        ctaudit.alive(n.node, ctaudit.last_dump(n.node), p_host, p_port) AS a
        CROSS JOIN LATERAL (
            SELECT CASE WHEN a.remote IN ('0.0.0.0', '::') THEN a.ct_id END AS ct_id
        ) AS u
    ORDER BY
        a.orig_sport, a.orig_src, a.orig_dst, a.orig_dport, a.proto, a.zone, a.orig_zone,
        a.reply_zone, a.orig_icmp_type, a.orig_icmp_code, a.node, u.ct_id,
        a.started_at DESC NULLS LAST, a.started_source, a.last_seen_at DESC;
    GET DIAGNOSTICS v_answers = ROW_COUNT;
    PERFORM ctaudit.note_answers(v_inquiry, 'live', v_arguments, v_answers);
END
$function$;
