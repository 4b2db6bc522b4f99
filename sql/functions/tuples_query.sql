-- Function: ctaudit.tuples_query
-- A query for the rows of ctaudit.seen_query of one node that come one tuple after the other, all rows of
-- each tuple of which a connection may have been alive in the span. It leaves out what cannot be an
-- answer however ctaudit.lives puts it together: a tuple whose every row says that its connection was
-- over before the span, or that it began after it. Of ten minutes of a busy gateway that is nine in ten
-- of the rows that are read, from the dump before to two hours after the dump after it.
-- Parameters:
--   p_query        ctaudit.bounded_query
--   p_is_any       its conditions hold for any row: then to read the tables twice costs less than to
--                  keep the rows; else ctaudit.seen reads them, which several processes may do at once
--   p_is_ordered   tuples come by the earliest time at which a connection of them may have begun
-- Returns: the query, with the parameters of p_query and
--   $6, $7   the asked span
--   $8, $9   for ctaudit.seen: the bounds, and ctaudit.seen_query
-- Its columns, all of them NULL in a last row:
--   seen       the row, a ctaudit.seen_row
--   tuple      a number that the rows of one tuple share
--   began_at   if ordered: no connection of this tuple began before
-- Tables touched: none; the query reads those of p_query
CREATE OR REPLACE FUNCTION ctaudit.tuples_query(
    p_query text,
    p_is_any boolean,
    p_is_ordered boolean
)
RETURNS text
LANGUAGE plpgsql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    -- Of a row: no later than ctaudit.start_from.
    c_start CONSTANT text := $start$coalesce(
        CASE WHEN started_at IS NOT NULL THEN
            CASE started_source WHEN 'r' THEN started_after WHEN 'd' THEN NULL ELSE started_at END
        END - interval '1 s', '-infinity'
    )$start$;
    v_query text;
BEGIN
    v_query := replace(replace(replace(replace($query$
    WITH found (<columns>) AS <kept> (<query>)
    SELECT s.*, rank() OVER (
        ORDER BY s.orig_sport, s.orig_src, s.orig_dst, s.orig_dport, s.proto, s.zones
    ) AS tuple
    FROM (
        SELECT
            ROW(<columns>)::ctaudit.seen_row AS seen, <start> AS start_from, n.number, n.zones,
            n.proto, n.orig_src, n.orig_dst, n.orig_sport, n.orig_dport
        FROM (SELECT f.*, row_number() OVER () AS number FROM found AS f) AS n
        -- Three of the columns tell nearly all tuples apart.
        WHERE (n.orig_sport, n.orig_src, n.orig_dst) IN (
            SELECT c.orig_sport, c.orig_src, c.orig_dst FROM found AS c
            -- gone_at of ctaudit.connections.
            WHERE (c.kind <> 'end' OR $6 <= coalesce(
                c.ended_at, c.ended_before, greatest(c.received_at, c.stop_sent, c.started_at)
            )) AND <start> < $7
        )
        ORDER BY
            n.orig_sport, n.orig_src, n.orig_dst, n.orig_dport, n.proto, n.zones, n.number
    ) AS s
    $query$,
    '<query>', CASE WHEN p_is_any THEN p_query
        ELSE 'SELECT * FROM ctaudit.seen($8, $9, $11, $12, $13, $14, $15)' END),
    '<kept>', CASE WHEN p_is_any THEN 'NOT MATERIALIZED' ELSE 'MATERIALIZED' END),
    '<start>', c_start),
    '<columns>',
    'kind, node_id, received_at, started_at, started_source, started_after, stop_sent, '
    'ended_at, ended_source, ended_after, ended_before, ended_cause, dump_id, provenance, '
    'is_outward, is_inward, orig_packets, orig_bytes, reply_packets, reply_bytes, zones, proto, '
    'orig_src, orig_dst, orig_sport, orig_dport, reply_src, reply_dst, reply_sport, reply_dport, '
    'ct_id, mark, status, state, helper, labels');
    IF NOT p_is_ordered THEN
        v_query := format(
            'SELECT t.seen, t.tuple, NULL::timestamptz AS began_at FROM (%s) AS t', v_query
        );
    ELSE
        v_query := format($query$
            SELECT o.seen, o.tuple, o.began_at
            FROM (
                SELECT t.seen, t.number, t.tuple,
                    min(t.start_from) OVER (PARTITION BY t.tuple) AS began_at
                FROM (%s) AS t
            ) AS o
            ORDER BY o.began_at, o.tuple, o.number
        $query$, v_query);
    END IF;
    RETURN format('(%s) UNION ALL SELECT NULL, NULL, NULL', v_query);
END
$function$;
