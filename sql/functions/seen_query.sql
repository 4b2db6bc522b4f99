-- Function: ctaudit.seen_query
-- A query for the rows of one node that show a connection: openings, ends and entries that the
-- conditions match. It is text, so that the server plans it for the values asked for and opens
-- only the partitions that they need.
-- Parameters:
--   p_outward, p_inward   as those of ctaudit.asked_condition
--   p_own                 whether $22 is known: where nothing is translated and one end alone is of
--                         these networks, that is the host; else either end may be. Nor is a client
--                         the host whose packets were forwarded into these networks from outside.
-- Returns: the query, with comments where ctaudit.asked_query puts more, and with the parameters
--   $4, $5      received_at of openings, from and until
--   $6, $7      dump_id of the dumps before and after the span, or NULL
--   $8, $9      received_at of their entries
--   $11 to $15  those of the conditions
--   $16, $17    received_at of flows, from and until
--   $18         dump_ids of dumps within the span, or NULL
--   $19, $20    more received_at of openings and flows, or NULL
--   $21         the node's node_id
--   $22         ctaudit.own_networks
-- Tables touched: none; the query reads opening_row, flow_row, dump_entry_row, dump
CREATE OR REPLACE FUNCTION ctaudit.seen_query(p_outward text, p_inward text, p_own boolean)
RETURNS text
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT replace(replace(replace($query$
    SELECT /* row */
        'opening', r.received_at, r.started_at, ctaudit.time_source_of(r.started_source),
        r.started_after,
        ctaudit.start_from(
            r.started_at, ctaudit.time_source_of(r.started_source), r.started_after
        ),
        ctaudit.start_until(
            r.started_at, ctaudit.time_source_of(r.started_source), r.received_at
        ),
        CASE r.started_source WHEN 'r' THEN r.started_after
            ELSE r.started_at END,
        NULL::timestamptz,
        NULL::timestamptz, NULL::ctaudit.time_source, NULL::timestamptz, NULL::timestamptz,
        NULL::text, NULL::bigint, ctaudit.provenance_of(r.provenance), <direction>,
        NULL::bigint, NULL::bigint, NULL::bigint, NULL::bigint, <columns> /* end of row */
    FROM ctaudit.opening_row AS r /* part */
    WHERE /* bounds */ r.node_id = $21
        AND (r.received_at >= $4 OR r.received_at BETWEEN $19 AND $20)
        AND r.received_at < $5 AND <asked>
    UNION ALL
    SELECT /* row */
        CASE r.provenance WHEN 'u' THEN 'unobserved' ELSE 'end' END,
        r.received_at, r.started_at, ctaudit.time_source_of(r.started_source), NULL,
        ctaudit.start_from(
            r.started_at, ctaudit.time_source_of(r.started_source), NULL
        ),
        ctaudit.start_until(
            r.started_at, ctaudit.time_source_of(r.started_source), CASE
                -- Received with the dump that lacked it, long after the event.
                WHEN r.provenance = 'u' THEN coalesce(r.started_at + interval '2 s', r.received_at)
                ELSE r.received_at END
        ),
        coalesce(
            CASE r.ended_source WHEN 'k' THEN r.ended_at END, r.ended_after,
            r.started_at
        ),
        coalesce(
            r.ended_at, r.ended_before,
            greatest(r.received_at, r.stop_sent, r.started_at)
        ),
        r.ended_at, ctaudit.time_source_of(r.ended_source), r.ended_after, r.ended_before,
        r.ended_cause, NULL, ctaudit.provenance_of(r.provenance), <direction>,
        r.orig_packets, r.orig_bytes, r.reply_packets, r.reply_bytes, <columns> /* end of row */
    FROM ctaudit.flow_row AS r /* part */
    WHERE /* bounds */ r.node_id = $21
        AND (r.received_at >= $16 OR r.received_at BETWEEN $19 AND $20)
        AND r.received_at < $17
        AND (r.started_at IS NULL OR r.started_at < $5) AND <asked>
    UNION ALL
    SELECT /* row */
        'entry', r.received_at, r.started_at,
        CASE WHEN r.started_at IS NULL THEN 'dump' ELSE 'kernel' END
            ::ctaudit.time_source,
        NULL, ctaudit.start_from(r.started_at, 'kernel', NULL),
        ctaudit.start_until(r.started_at, 'kernel', r.received_at),
        greatest(d.began_at, r.started_at), NULL,
        NULL, NULL, NULL, NULL, NULL, r.dump_id, 'dump', <direction>,
        r.orig_packets, r.orig_bytes, r.reply_packets, r.reply_bytes, <columns> /* end of row */
    FROM ctaudit.dump_entry_row AS r
    JOIN ctaudit.dump AS d ON d.dump_id = r.dump_id /* part */
    WHERE /* entries */ r.dump_id = ANY (ARRAY[$6, $7] || $18) AND r.received_at >= $8
        AND r.received_at <= $9 AND <asked>
    $query$
    , '<asked>', '(' || ctaudit.asked_condition(p_outward, p_inward) || ')' || CASE
        -- As no condition of an index: it only takes away.
        WHEN p_own THEN ' AND CASE WHEN ' || ctaudit.asked_condition(c.outward, c.inward)
            || ' THEN true END'
        ELSE '' END),
    '<direction>', '(CASE WHEN ' || c.outward || ' AND NOT ((coalesce(r.status, 0) & 48) = 32 AND '
        || c.inward || ') THEN ''outward'' ELSE ''inward'' END)'),
    '<columns>',
    'r.zones, r.proto, r.orig_src, r.orig_dst, r.orig_sport, r.orig_dport, r.reply_src, '
    'r.reply_dst, r.reply_sport, r.reply_dport, r.ct_id, r.mark, r.status, r.state, r.helper, '
    'r.labels')
    FROM (
        SELECT
            p_outward || coalesce(o.but || format(o.own_end, 16, 'reply_src', 'orig_src'), '') AS outward,
            p_inward || coalesce(o.but || format(o.own_end, 48, 'orig_src', 'orig_dst'), '') AS inward
        FROM (VALUES (
            CASE WHEN p_own THEN ' AND NOT ' END,
            'coalesce((r.status & %s) = 0 AND r.%s <<= ANY ($22) AND NOT r.%s <<= ANY ($22), false)'
        )) AS o (but, own_end)
    ) AS c;
$function$;
