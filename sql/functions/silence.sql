-- Function: ctaudit.silence
-- What to do about a gateway that records nothing, for the sentence that says why a question has
-- no sure answer.
-- Parameters: p_node; p_until   end of the asked span
-- Returns: empty where the gateway recorded beyond the span, or in the last ten minutes; else
--   the rest of a sentence: where it was handed over to, or the command and the time to write if
--   the gateway is gone
-- Tables touched: node, stream (read)
CREATE OR REPLACE FUNCTION ctaudit.silence(p_node text, p_until timestamptz)
RETURNS text
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT CASE
        WHEN p_until > l.last_at AND n.retired_at IS NOT NULL AND l.moved_to IS NOT NULL
            THEN format('; handed over to %s', l.moved_to)
        WHEN p_until <= l.last_at OR l.committed_at > clock_timestamp() - interval '10 min' THEN ''
        WHEN ctaudit.gone_at(n) IS NOT NULL THEN format('; retired at %s', n.retired_at)
        ELSE format(
            '; %s has recorded nothing since %s; if it is gone: %s', n.node, l.last_at,
            ctaudit.retire_command(n.node, l.last_at))
        END
    FROM ctaudit.node AS n, LATERAL (
        SELECT
            max(greatest(s.started_at, s.covered_until, s.stopped_at)) AS last_at,
            max(s.committed_at) AS committed_at, max(s.detail ->> 'moved_to') AS moved_to
        FROM ctaudit.stream AS s WHERE s.node = n.node
    ) AS l
    WHERE n.node = p_node;
$function$;
