-- Function: ctaudit.late_ends
-- Looks for the ends of connections that outlived the ends a question read: day by day, so that
-- it costs what they lived, and reads no more partitions.
-- Parameters:
--   p_connections     connections of one node without an end
--   p_node_id         the node
--   p_since           ends received before this were read
--   p_from, p_until   the asked span
-- Returns: the connections, with their end if one is recorded, in no order; none where that end
--   shows that it was not alive in the span
-- Tables touched: flow_row, stream (read)
CREATE OR REPLACE FUNCTION ctaudit.late_ends(
    p_connections ctaudit.connection[],
    p_node_id smallint,
    p_since timestamptz,
    p_from timestamptz,
    p_until timestamptz
)
RETURNS SETOF ctaudit.connection
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET enable_seqscan = off
AS $function$
DECLARE
    v_left ctaudit.connection[] := p_connections;
    v_still ctaudit.connection[];
    v_since timestamptz := p_since;
    v_day timestamptz;
    -- Computed before the query: only by a plain time does the planner leave out partitions.
    v_before timestamptz;
    v_last timestamptz;
    v_found record;
    v_ended ctaudit.connection;
BEGIN
    SELECT max(s.covered_until) INTO v_last FROM ctaudit.stream AS s WHERE s.node_id = p_node_id;
    WHILE cardinality(v_left) > 0 LOOP
        -- The last look is at all that is left: a receiver's clock may be ahead.
        v_day := CASE WHEN v_since < v_last THEN v_since + interval '1 day'
            ELSE 'infinity' END;
        v_before := v_day + interval '1 day';
        v_still := '{}';
        FOR v_found IN
            SELECT c AS connection, f.flow
            FROM unnest(v_left) AS c
            LEFT JOIN LATERAL (
                SELECT e AS flow FROM ctaudit.flow_row AS e
                WHERE e.reply_dport = coalesce(c.reply_dport, -1) AND e.reply_dst = c.reply_dst
                    AND e.node_id = p_node_id
                    AND e.received_at >= v_since AND e.received_at < v_before
                    AND ctaudit.same_tuple(
                        e.zones, e.proto, e.orig_src, e.orig_dst, e.orig_sport, e.orig_dport,
                        e.ct_id, ctaudit.zone_pair(c.zone, c.orig_zone, c.reply_zone), c.proto,
                        c.orig_src, c.orig_dst, coalesce(c.orig_sport, -1),
                        ctaudit.coded_port(c.orig_dport, c.orig_icmp_type, c.orig_icmp_code),
                        coalesce(c.ct_id, -1)
                    )
                    AND ctaudit.closes(
                        coalesce(c.last_seen_at, c.started_at), c.started_at, c.started_source,
                        c.started_after, e.received_at, e.started_at
                    )
                ORDER BY e.provenance = 'u', e.received_at
                LIMIT 1
            ) AS f ON true
        LOOP
            -- Where dumps show that it ended, its DESTROY may have come later all the same.
            IF v_found.flow IS NULL
                OR (v_found.flow).provenance = 'u' AND (v_found.flow).received_at >= v_day
            THEN
                v_still := v_still || v_found.connection;
                CONTINUE;
            END IF;
            v_ended := ctaudit.ended_by(v_found.connection, v_found.flow, p_from, p_until);
            IF NOT v_ended IS NULL THEN
                RETURN NEXT v_ended;
            END IF;
        END LOOP;
        v_left := v_still;
        v_since := v_day;
        EXIT WHEN v_day = 'infinity';
    END LOOP;
    RETURN QUERY SELECT * FROM unnest(v_left);
END
$function$;
