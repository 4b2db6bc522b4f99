-- Function: ctaudit.durations
-- How long the connections that ended in a span had lasted, by protocol, on a logarithmic scale. A
-- duration is that of the kernel's entry, so it includes the closing time-out of the protocol.
-- Parameters:
--   p_from, p_until   the span; p_until NULL or in the future: until now
--   p_node            NULL: any node but imported ones, as of ctaudit.traffic
--   p_host, p_remote  networks of the internal end and of the other end; NULL: any
--   p_bins            bins for each power of ten
-- Returns: a row for each protocol and bin with a connection, by protocol and duration
--   seconds_from, seconds_until   the bin; the first is from 0 to a millisecond; NULL: the start
--                                 or the end is not known, or ctaudit.record_aggregate stored several
--                                 connections as one row
-- Errors: 22023 the span or p_bins cannot be asked for
-- Tables touched: inquiry, inquiry_answer (written); node, import, late_read, flow_row,
--   aggregate_row (read)
CREATE OR REPLACE FUNCTION ctaudit.durations(
    p_from timestamptz,
    p_until timestamptz DEFAULT NULL,
    p_node text DEFAULT NULL,
    p_host inet DEFAULT NULL,
    p_remote inet DEFAULT NULL,
    p_bins integer DEFAULT 5
)
RETURNS TABLE (
    proto smallint,
    seconds_from double precision,
    seconds_until double precision,
    connections bigint
)
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_until timestamptz := least(p_until, now());
    -- Computed before the query: only by a plain time does the planner leave out partitions.
    v_received_until timestamptz := interval '2 hours' + greatest(v_until, (
        SELECT max(r.read_at) FROM ctaudit.late_read AS r
        WHERE r.sent_from < v_until AND r.read_at >= p_from
    ));
    v_first integer := -3 * p_bins;
    v_arguments jsonb;
    v_inquiry bigint;
    v_answers bigint;
BEGIN
    p_host := ctaudit.plain_network(p_host);
    p_remote := ctaudit.plain_network(p_remote);
    PERFORM ctaudit.check_buckets(p_from, v_until, greatest(v_until - p_from, interval '1 s'));
    IF p_bins IS NULL OR p_bins NOT BETWEEN 1 AND 20 THEN
        RAISE EXCEPTION '% bins: must be 1 to 20 for each power of ten', p_bins
            USING ERRCODE = '22023';
    END IF;
    v_arguments := jsonb_build_object(
        'from', p_from, 'until', p_until, 'node', p_node, 'host', p_host, 'remote', p_remote,
        'bins', p_bins
    );
    v_inquiry := ctaudit.note_question('durations', v_arguments);
    IF v_inquiry IS NULL THEN
        RETURN;
    END IF;
    RETURN QUERY
    SELECT
        d.proto,
        CASE WHEN d.bin < v_first THEN 0 ELSE power(10::float8, d.bin::float8 / p_bins) END,
        power(10::float8, (d.bin + 1)::float8 / p_bins), d.connections
    FROM (
        SELECT
            r.proto, CASE
                WHEN l.seconds < 0.001 THEN v_first - 1
                ELSE floor(round(log(l.seconds)::numeric * p_bins, 9))
            END::integer AS bin,
            sum(r.connections) AS connections
        FROM (
            SELECT
                f.received_at, f.ended_at, f.node_id, f.proto, f.status, f.provenance, f.orig_src,
                f.reply_src, CASE WHEN f.started_source = 'k' AND f.ended_source = 'k'
                    THEN f.ended_at - f.started_at END AS lasted, 1 AS connections
            FROM ctaudit.flow_row AS f
            UNION ALL
            -- Of several as one row it is not known how long each had lasted.
            SELECT
                a.received_at, a.last_end, a.node_id, a.proto, a.status, 'e', a.client, a.remote,
                CASE WHEN a.connections = 1 THEN a.last_end - a.first_start END, a.connections
            FROM ctaudit.aggregate_row AS a
        ) AS r
        JOIN ctaudit.node AS n ON n.node_id = r.node_id
        CROSS JOIN LATERAL (SELECT date_part('epoch', r.lasted) AS seconds) AS l
        WHERE r.received_at >= p_from AND r.received_at < v_received_until
            AND coalesce(r.ended_at, r.received_at) >= p_from
            AND coalesce(r.ended_at, r.received_at) < v_until
            AND r.provenance <> 'u'
            AND CASE WHEN p_node IS NULL
                THEN NOT EXISTS (SELECT FROM ctaudit.import AS i WHERE i.node = n.node)
                ELSE n.node = ANY (ctaudit.nodes_named(p_node)) END
            AND (p_host IS NULL OR CASE WHEN coalesce(r.status, 0) & 48 = 32 THEN r.reply_src
                ELSE r.orig_src END <<= p_host)
            AND (p_remote IS NULL OR CASE WHEN coalesce(r.status, 0) & 48 = 32 THEN r.orig_src
                ELSE r.reply_src END <<= p_remote)
        GROUP BY 1, 2
    ) AS d
    ORDER BY d.proto, d.bin;
    GET DIAGNOSTICS v_answers = ROW_COUNT;
    PERFORM ctaudit.refuse_rewritten();
    PERFORM ctaudit.note_answers(v_inquiry, 'durations', v_arguments, v_answers);
END
$function$;
