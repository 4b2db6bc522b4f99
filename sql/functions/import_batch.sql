-- Function: ctaudit.import_batch
-- Stores rows of an import and moves its position, in one transaction. A row that was open when
-- it was read before, and has ended since, replaces its opening. For the owner only; the
-- partitions must be there.
-- Parameters:
--   p_node               whose import
--   p_from, p_until      the position before and after; equal: only ends of known openings
--   p_refused            reason: {count, example} of the rows that are not among these
--   p_number, ...        one array a column; times in microseconds since 1970. p_is_ended: a flow,
--                        else an opening. Ports as rows hold them (ctaudit.coded_port)
-- Returns: nothing
-- Errors: 55000 another import of this node has moved the position
-- Tables touched: import, import_opening, opening_row, flow_row; node (read)
CREATE OR REPLACE FUNCTION ctaudit.import_batch(
    p_node text,
    p_from bigint,
    p_until bigint,
    p_refused jsonb,
    p_number bigint[],
    p_is_ended boolean[],
    p_received_us bigint[],
    p_started_us bigint[],
    p_ended_us bigint[],
    p_stop_sent_us bigint[],
    p_ended_cause text[],
    p_proto smallint[],
    p_orig_src inet[],
    p_orig_dst inet[],
    p_orig_sport integer[],
    p_orig_dport integer[],
    p_reply_src inet[],
    p_reply_dst inet[],
    p_reply_sport integer[],
    p_reply_dport integer[],
    p_orig_packets bigint[],
    p_orig_bytes bigint[],
    p_reply_packets bigint[],
    p_reply_bytes bigint[],
    p_mark bigint[],
    p_status integer[]
)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_import ctaudit.import;
    v_node_id smallint;
    v_ended bigint[];
    c_us constant interval := interval '1 microsecond';
BEGIN
    SELECT * INTO STRICT v_import FROM ctaudit.import AS i WHERE i.node = p_node FOR UPDATE;
    IF v_import.position <> p_from THEN
        RAISE EXCEPTION 'the import of % stands at %, not at %: another one runs',
            p_node, v_import.position, p_from USING ERRCODE = '55000';
    END IF;
    SELECT n.node_id INTO STRICT v_node_id FROM ctaudit.node AS n WHERE n.node = p_node;

    WITH ended AS (
        DELETE FROM ctaudit.import_opening AS k
        USING unnest(
            p_number, p_proto, p_orig_src, p_orig_dst, p_orig_sport, p_orig_dport
        ) AS e (number, proto, orig_src, orig_dst, orig_sport, orig_dport)
        WHERE p_from = p_until AND k.node = p_node AND k.number = e.number
        RETURNING k.received_at, e.*
    ),
    removed AS (
        DELETE FROM ctaudit.opening_row AS o USING ended AS e
        WHERE o.node_id = v_node_id AND o.received_at = e.received_at AND o.proto = e.proto
            AND o.orig_src = e.orig_src AND o.orig_dst = e.orig_dst
            AND o.orig_sport = e.orig_sport AND o.orig_dport = e.orig_dport
    )
    SELECT coalesce(array_agg(e.number), '{}') INTO v_ended FROM ended AS e;

    WITH told AS MATERIALIZED (
        SELECT
            e.*, 'epoch'::timestamptz + e.received_us * c_us AS received_at,
            'epoch'::timestamptz + e.started_us * c_us AS started_at,
            'epoch'::timestamptz + e.ended_us * c_us AS ended_at,
            'epoch'::timestamptz + e.stop_sent_us * c_us AS stop_sent
        FROM unnest(
            p_number, p_is_ended, p_received_us, p_started_us, p_ended_us, p_stop_sent_us,
            p_ended_cause, p_proto, p_orig_src, p_orig_dst, p_orig_sport, p_orig_dport,
            p_reply_src, p_reply_dst, p_reply_sport, p_reply_dport, p_orig_packets,
            p_orig_bytes, p_reply_packets, p_reply_bytes, p_mark, p_status
        ) AS e (
            number, is_ended, received_us, started_us, ended_us, stop_sent_us,
            ended_cause, proto, orig_src, orig_dst, orig_sport, orig_dport,
            reply_src, reply_dst, reply_sport, reply_dport, orig_packets,
            orig_bytes, reply_packets, reply_bytes, mark, status
        )
        WHERE p_from < p_until OR e.number = ANY (v_ended)
    ),
    flows AS (
        INSERT INTO ctaudit.flow_row (
            received_at, started_at, ended_at, stop_sent, orig_packets, orig_bytes,
            reply_packets, reply_bytes, mark, orig_sport, orig_dport, reply_sport, reply_dport,
            status, node_id, proto, started_source, ended_source, provenance,
            orig_src, orig_dst, reply_src, reply_dst, ended_cause
        )
        SELECT
            t.received_at, t.started_at, t.ended_at, t.stop_sent, t.orig_packets, t.orig_bytes,
            t.reply_packets, t.reply_bytes, t.mark, t.orig_sport, t.orig_dport, t.reply_sport,
            t.reply_dport, t.status, v_node_id, t.proto,
            CASE WHEN t.started_at IS NOT NULL THEN 'u'::"char" END,
            CASE WHEN t.ended_at IS NOT NULL THEN 'u'::"char" END, 'i',
            t.orig_src, t.orig_dst, t.reply_src, t.reply_dst, t.ended_cause
        FROM told AS t WHERE t.is_ended
    ),
    openings AS (
        INSERT INTO ctaudit.opening_row (
            received_at, started_at, mark, orig_sport, orig_dport, reply_sport, reply_dport,
            status, node_id, proto, started_source, provenance,
            orig_src, orig_dst, reply_src, reply_dst
        )
        SELECT
            t.received_at, t.started_at, t.mark, t.orig_sport, t.orig_dport, t.reply_sport,
            t.reply_dport, t.status, v_node_id, t.proto, 'u', 'i',
            t.orig_src, t.orig_dst, t.reply_src, t.reply_dst
        FROM told AS t WHERE NOT t.is_ended
    ),
    remembered AS (
        INSERT INTO ctaudit.import_opening (node, number, received_at)
        SELECT p_node, t.number, t.received_at FROM told AS t WHERE NOT t.is_ended
    )
    UPDATE ctaudit.import AS i SET
        position = p_until,
        read = i.read + s.moved,
        refused = s.refused,
        openings_from = least(i.openings_from, s.openings_from),
        openings_until = greatest(i.openings_until, s.openings_until),
        ends_from = least(i.ends_from, s.ends_from),
        ends_until = greatest(i.ends_until, s.ends_until),
        longest = greatest(i.longest, s.longest),
        lacks_starts = i.lacks_starts OR coalesce(s.lacks_starts, false)
    FROM (
        SELECT
            CASE WHEN p_from < p_until THEN count(*) + (
                SELECT coalesce(sum((r.value ->> 'count')::bigint), 0)
                FROM jsonb_each(p_refused) AS r
            ) ELSE 0 END AS moved,
            (
                SELECT coalesce(jsonb_object_agg(m.reason, m.refused), '{}') FROM (
                    SELECT r.key AS reason, jsonb_build_object(
                        'count', sum((r.value ->> 'count')::bigint),
                        'example', min((r.value ->> 'example')::bigint)
                    ) AS refused
                    FROM (
                        SELECT * FROM jsonb_each(v_import.refused)
                        UNION ALL SELECT * FROM jsonb_each(p_refused)
                    ) AS r
                    GROUP BY r.key
                ) AS m
            ) AS refused,
            min(t.received_at) FILTER (WHERE NOT t.is_ended) AS openings_from,
            max(t.received_at) FILTER (WHERE NOT t.is_ended) AS openings_until,
            min(t.received_at) FILTER (WHERE t.is_ended) AS ends_from,
            max(t.received_at) FILTER (WHERE t.is_ended) AS ends_until,
            max(t.received_at - t.started_at) FILTER (WHERE t.is_ended) AS longest,
            bool_or(t.started_at IS NULL) AS lacks_starts
        FROM told AS t
    ) AS s
    WHERE i.node = p_node;
END
$function$;
