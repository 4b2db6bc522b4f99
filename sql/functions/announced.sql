-- Function: ctaudit.announced
-- Of connections that began when the kernel would also send their DESTROY, by the notes on
-- net.netfilter.nf_conntrack_events. The kernel decides it when it makes the entry:
--   1   it does
--   2   it does while somebody listens: while a stream was received
--   0   it does not
-- A stream whose start does not tell the setting counts as one with 1. Between two streams of
-- one boot that both have 1 it was 1. Before the first stream nothing is known, but for what another
-- store has said that handed the stream over (ctaudit.take_over).
-- Parameters: p_node
-- Returns: spans of time
-- Tables touched: stream, note (read)
CREATE OR REPLACE FUNCTION ctaudit.announced(p_node text)
RETURNS TABLE (announced_from timestamptz, announced_until timestamptz)
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT
        m.at, CASE
            WHEN m.next_at IS NULL AND (m.events = '1' OR m.stopped_at IS NULL) THEN 'infinity'
            WHEN m.next_stream = m.stream AND m.next_events = '0' THEN coalesce(m.next_look, m.at)
            WHEN m.next_stream = m.stream
                OR m.events = '1' AND m.next_events = '1' AND m.next_boot = m.boot THEN m.next_at
            ELSE m.covered_until
        END
    FROM (
        SELECT
            k.*, lead(k.at) OVER later AS next_at, lead(k.stream) OVER later AS next_stream,
            lead(k.events) OVER later AS next_events, lead(k.boot) OVER later AS next_boot,
            lead(k.look) OVER later AS next_look
        FROM (
            SELECT
                s.started_at AS at, s.stream, s.stopped_at, s.covered_until,
                coalesce(s.detail ->> 'events', '1') AS events,
                coalesce(s.detail ->> 'boot_id', '') AS boot, NULL::timestamptz AS look
            FROM ctaudit.stream AS s WHERE s.node = p_node
            UNION ALL
            SELECT
                n.at, s.stream, s.stopped_at, s.covered_until,
                coalesce(n.detail ->> 'events', '1'),
                coalesce(s.detail ->> 'boot_id', ''), ctaudit.detail_time(n.detail, 'last_look')
            FROM ctaudit.note AS n JOIN ctaudit.stream AS s USING (node, stream)
            WHERE n.node = p_node AND n.note = 'settings'
        ) AS k
        WINDOW later AS (ORDER BY k.at)
    ) AS m
    WHERE m.events <> '0'
    UNION ALL
    SELECT (s.detail ->> 'announced_from')::timestamptz, s.started_at
    FROM ctaudit.stream AS s WHERE s.node = p_node AND s.detail ? 'announced_from';
$function$;
