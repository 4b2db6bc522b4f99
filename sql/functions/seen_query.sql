-- Function: ctaudit.seen_query
-- A query for the rows of some nodes that show a connection: openings, ends and entries that the
-- conditions match. It is text, so that the server plans it for the values asked for and opens
-- only the partitions that they need. It calls no function of ctaudit, each of which would be parsed
-- for each question.
-- Parameters: p_outward, p_inward   as those of ctaudit.asked_condition
-- Returns: the query, with comments where ctaudit.asked_query puts more, and with the parameters
--   $4, $5      received_at of openings, from and until
--   $6          dump_ids of the dumps that are needed
--   $8, $9      received_at of their entries
--   $11 to $15  those of the conditions
--   $16, $17    received_at of flows, from and until
--   $19, $20    more received_at of openings and flows, or NULL
--   $21         the nodes' node_ids
-- Its columns are those of ctaudit.seen_row.
-- Tables touched: none; the query reads opening_row, flow_row, dump_entry_row, dump
DROP FUNCTION IF EXISTS ctaudit.seen_query(text, text, boolean);
CREATE OR REPLACE FUNCTION ctaudit.seen_query(p_outward text, p_inward text)
RETURNS text
LANGUAGE plpgsql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    RETURN replace(replace(replace($query$
    SELECT /* row */
        'opening', r.node_id, r.received_at, r.started_at, r.started_source, r.started_after,
        CASE r.started_source WHEN 'r' THEN r.started_after ELSE r.started_at END,
        NULL::timestamptz,
        NULL::timestamptz, NULL::"char", NULL::timestamptz, NULL::timestamptz,
        NULL::text, NULL::bigint, r.provenance, <conditions>,
        NULL::bigint, NULL::bigint, NULL::bigint, NULL::bigint, <columns> /* end of row */
    FROM ctaudit.opening_row AS r /* part */
    WHERE /* bounds */ r.node_id = ANY ($21)
        AND (r.received_at >= $4 OR r.received_at BETWEEN $19 AND $20)
        AND r.received_at < $5 AND <asked>
    UNION ALL
    SELECT /* row */
        CASE r.provenance WHEN 'u' THEN 'unobserved' ELSE 'end' END, r.node_id,
        r.received_at, r.started_at, r.started_source, NULL,
        coalesce(
            CASE r.ended_source WHEN 'k' THEN r.ended_at END, r.ended_after,
            r.started_at
        ),
        coalesce(
            r.ended_at, r.ended_before,
            greatest(r.received_at, r.stop_sent, r.started_at)
        ),
        r.ended_at, r.ended_source, r.ended_after, r.ended_before,
        r.ended_cause, NULL, r.provenance, <conditions>,
        r.orig_packets, r.orig_bytes, r.reply_packets, r.reply_bytes, <columns> /* end of row */
    FROM ctaudit.flow_row AS r /* part */
    WHERE /* bounds */ r.node_id = ANY ($21)
        AND (r.received_at >= $16 OR r.received_at BETWEEN $19 AND $20)
        AND r.received_at < $17
        AND (r.started_at IS NULL OR r.started_at < $5) AND <asked>
    UNION ALL
    SELECT /* row */
        'entry', r.node_id, r.received_at, r.started_at,
        CASE WHEN r.started_at IS NULL THEN 'd' ELSE 'k' END::"char", NULL,
        greatest(d.began_at, r.started_at), NULL,
        NULL, NULL, NULL, NULL, NULL, r.dump_id, 'd'::"char", <conditions>,
        r.orig_packets, r.orig_bytes, r.reply_packets, r.reply_bytes, <columns> /* end of row */
    FROM ctaudit.dump_entry_row AS r
    JOIN ctaudit.dump AS d ON d.dump_id = r.dump_id /* part */
    -- Twice, so that not all dumps are read.
    WHERE /* entries */ r.dump_id = ANY ($6) AND d.dump_id = ANY ($6)
        AND r.received_at BETWEEN $8 AND $9 AND <asked>
    $query$,
    '<asked>', '(' || ctaudit.asked_condition(p_outward, p_inward) || ')'),
    '<conditions>', '(' || p_outward || '), (' || p_inward || ')'),
    '<columns>',
    'r.zones, r.proto, r.orig_src, r.orig_dst, r.orig_sport, r.orig_dport, r.reply_src, '
    'r.reply_dst, r.reply_sport, r.reply_dport, r.ct_id, r.mark, r.status, r.state, r.helper, '
    'r.labels');
END
$function$;
