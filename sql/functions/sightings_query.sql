-- Function: ctaudit.sightings_query
-- All that is recorded since a dump of the tuple and id of a row, by index, for ctaudit.lives. It
-- is text, so that the server plans it with the times and opens only the partitions that they need.
-- Parameters:
--   p_row          alias of the row: of opening_row, dump_entry_row or unmatched_entry
--   p_flows_from   the flows were received no earlier than this, an expression
-- Returns: an expression of type ctaudit.sighting[], NULL: nothing is recorded, with the parameters
--   $1        node_id
--   $2        the dump, NULL: none
--   $3 to $6  of ctaudit.recorded_since: began_at, entries_from, entries_until, received_until
-- Tables touched: none; the query reads opening_row, dump_entry_row, flow_row
CREATE OR REPLACE FUNCTION ctaudit.sightings_query(p_row text, p_flows_from text)
RETURNS text
LANGUAGE sql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT replace(replace(replace($query$(
        SELECT array_agg(ROW(
            t.number, t.kind, <row>.ct_id, t.status & 4096 <> 0, t.received_at, t.started_at,
            ctaudit.start_from(t.started_at, t.started_source, t.started_after),
            ctaudit.start_until(t.started_at, t.started_source, CASE t.kind
                WHEN 'unobserved' THEN coalesce(t.started_at + interval '2 s', t.received_at)
                ELSE t.received_at END
            ),
            t.alive_at, t.gone_at
        )::ctaudit.sighting)
        FROM (
            SELECT
                row_number() OVER () AS number, 'opening' AS kind, r.status, r.received_at,
                r.started_at, ctaudit.time_source_of(r.started_source) AS started_source,
                r.started_after, coalesce(r.started_after, r.started_at) AS alive_at,
                NULL::timestamptz AS gone_at
            FROM ctaudit.opening_row AS r
            WHERE <same> AND ctaudit.index_time(r.received_at) >= ctaudit.index_time($3)
                AND r.received_at >= $3 AND r.received_at < $6
            UNION ALL
            SELECT
                0, 'entry', r.status, r.received_at, r.started_at, 'kernel', NULL,
                greatest($3, r.started_at), NULL
            FROM ctaudit.dump_entry_row AS r
            WHERE <same> AND r.dump_id = $2
                AND r.received_at BETWEEN $4 AND $5
            UNION ALL
            SELECT
                0, CASE r.provenance WHEN 'u' THEN 'unobserved' ELSE 'end' END, r.status,
                r.received_at, r.started_at, ctaudit.time_source_of(r.started_source), NULL,
                coalesce(r.ended_after, r.started_at),
                coalesce(
                    r.ended_at, r.ended_before,
                    greatest(r.received_at, r.stop_sent, r.started_at)
                )
            FROM ctaudit.flow_row AS r
            WHERE <same> AND ctaudit.index_time(r.received_at) >= ctaudit.index_time(<flows_from>)
                AND r.received_at >= $3 AND r.received_at < $6
        ) AS t
    )$query$,
    '<same>', 'r.reply_dport = <row>.reply_dport AND r.reply_dst = <row>.reply_dst '
        'AND r.node_id = $1 AND ctaudit.same_tuple(r.zones, r.proto, r.orig_src, r.orig_dst, '
        'r.orig_sport, r.orig_dport, r.ct_id, <row>.zones, <row>.proto, <row>.orig_src, '
        '<row>.orig_dst, <row>.orig_sport, <row>.orig_dport, <row>.ct_id)'),
    '<row>', p_row), '<flows_from>', p_flows_from);
$function$;
