-- Function: ctaudit.seen_query
-- A query for the rows of some nodes that show a connection: openings, ends and entries that the
-- conditions match. It is text, so that the server plans it for the values asked for and opens
-- only the partitions that they need. It calls no function of ctaudit, each of which would be parsed
-- for each question, and reads columns alone from the partitions: the server plans each expression
-- once for each of them.
-- Parameters: p_outward, p_inward   as those of ctaudit.asked_condition
-- Returns: the query. Its columns are those of ctaudit.seen_row, its parameters $11 to $15 those of the
--   conditions. In place of the comments openings, ends and entries ctaudit.bounded_query and
--   ctaudit.asked_query put which rows are needed; bounded_query takes out tables of which none is,
--   and asked_query puts more in place of the others.
-- Tables touched: none; the query reads opening_row, flow_row, dump_entry_row
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
        r.kind, r.node_id, r.received_at, r.started_at, r.started_source, r.started_after,
        r.stop_sent, r.ended_at, r.ended_source, r.ended_after, r.ended_before, r.ended_cause,
        r.dump_id, r.provenance, <conditions>,
        r.orig_packets, r.orig_bytes, r.reply_packets, r.reply_bytes, <columns> /* end of row */
    FROM ( /* tables */
        SELECT
            'opening' AS kind, r.node_id, r.received_at, r.started_at, r.started_source,
            r.started_after, NULL::timestamptz AS stop_sent,
            NULL::timestamptz AS ended_at, NULL::"char" AS ended_source,
            NULL::timestamptz AS ended_after, NULL::timestamptz AS ended_before,
            NULL::text AS ended_cause, NULL::bigint AS dump_id, r.provenance,
            NULL::bigint AS orig_packets, NULL::bigint AS orig_bytes,
            NULL::bigint AS reply_packets, NULL::bigint AS reply_bytes, <columns> /* place */
        FROM ctaudit.opening_row AS r /* part */
        WHERE /* openings */ AND <asked>
        UNION ALL
        SELECT
            'end' AS kind, r.node_id, r.received_at, r.started_at, r.started_source,
            NULL::timestamptz AS started_after, r.stop_sent, r.ended_at, r.ended_source,
            r.ended_after, r.ended_before, r.ended_cause, NULL::bigint AS dump_id, r.provenance,
            r.orig_packets, r.orig_bytes, r.reply_packets, r.reply_bytes, <columns> /* place */
        FROM ctaudit.flow_row AS r /* part */
        WHERE /* ends */ AND <asked>
        UNION ALL
        SELECT
            'entry' AS kind, r.node_id, r.received_at, r.started_at, NULL::"char" AS started_source,
            NULL::timestamptz AS started_after, NULL::timestamptz AS stop_sent,
            NULL::timestamptz AS ended_at, NULL::"char" AS ended_source,
            NULL::timestamptz AS ended_after, NULL::timestamptz AS ended_before,
            NULL::text AS ended_cause, r.dump_id, 'd'::"char" AS provenance,
            r.orig_packets, r.orig_bytes, r.reply_packets, r.reply_bytes, <columns> /* place */
        FROM ctaudit.dump_entry_row AS r /* part */
        WHERE /* entries */ AND <asked>
        /* tables */ OFFSET 0
    ) AS r
    $query$,
    '<asked>', '(' || ctaudit.asked_condition(p_outward, p_inward) || ')'),
    '<conditions>', '(' || p_outward || '), (' || p_inward || ')'),
    '<columns>',
    'r.zones, r.proto, r.orig_src, r.orig_dst, r.orig_sport, r.orig_dport, r.reply_src, '
    'r.reply_dst, r.reply_sport, r.reply_dport, r.ct_id, r.mark, r.status, r.state, r.helper, '
    'r.labels');
END
$function$;
