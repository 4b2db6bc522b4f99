-- Function: ctaudit.gone_at
-- Since when a gateway is gone. A gateway that records is not retired: where a stream of it has
-- not stopped, or goes on after retired_at, retired_at says nothing.
-- Parameters: p_node   its row
-- Returns: nothing is asked of it about later times; NULL: it is not retired
-- Tables touched: stream (read)
CREATE OR REPLACE FUNCTION ctaudit.gone_at(p_node ctaudit.node)
RETURNS timestamptz
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    IF p_node.retired_at IS NULL THEN
        RETURN NULL;
    ELSIF EXISTS (
        SELECT FROM ctaudit.stream AS s
        WHERE s.node = p_node.node AND (
            s.stopped_at IS NULL
            OR greatest(s.started_at, s.covered_until, s.stopped_at) > p_node.retired_at
        )
    ) THEN
        RETURN NULL;
    END IF;
    RETURN p_node.retired_at;
END
$function$;
