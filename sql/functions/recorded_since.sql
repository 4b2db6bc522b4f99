-- Function: ctaudit.recorded_since
-- Between which times of receipt the openings and ends lie that are compared with a dump.
-- Parameters:
--   p_node
--   p_dump    an earlier dump of the node, NULL: none, then since its first stream
--   p_until   nothing that is looked for was received later
-- Returns:
--   began_at             of the dump, or the start of the first stream; where a step back made the
--                        dump's time one that was still to come, the time after the step
--   entries_from, entries_until   when its entries were received
--   received_until       an hour after p_until; 'infinity' where a clock was stepped
--   is_ordered           no clock was stepped since began_at: what was received later has a later
--                        received_at
-- Tables touched: dump, stream, clock_doubt (read)
CREATE OR REPLACE FUNCTION ctaudit.recorded_since(
    p_node text,
    p_dump bigint,
    p_until timestamptz,
    OUT began_at timestamptz,
    OUT entries_from timestamptz,
    OUT entries_until timestamptz,
    OUT received_until timestamptz,
    OUT is_ordered boolean
)
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    IF p_dump IS NULL THEN
        SELECT least(
            min(s.started_at), (
                SELECT min(k.doubt_from) FROM ctaudit.clock_doubt AS k WHERE k.node = p_node
            )
        ), 'infinity', '-infinity' INTO began_at, entries_from, entries_until
        FROM ctaudit.stream AS s WHERE s.node = p_node;
    ELSE
        SELECT d.began_at, d.began_at - interval '2 hours', d.ended_at + interval '2 hours'
        INTO STRICT began_at, entries_from, entries_until
        FROM ctaudit.dump AS d WHERE d.dump_id = p_dump AND d.node = p_node;
        began_at := coalesce(ctaudit.stepped_back_to(p_node, began_at), began_at);
    END IF;
    is_ordered := NOT EXISTS (
        SELECT FROM ctaudit.clock_doubt AS k
        WHERE k.node = p_node
            AND greatest(k.doubt_until, k.at, k.at - k.step_seconds * interval '1 s') >= began_at
    );
    received_until := CASE WHEN is_ordered THEN p_until + interval '1 hour' ELSE 'infinity' END;
END
$function$;
