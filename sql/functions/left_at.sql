-- Function: ctaudit.left_at
-- Since when a question that names no gateway does without this one. One that was handed over to
-- another store and has not been taken over there, as far as is known, is nobody's: nothing of it
-- may be said to be complete. For a quarter of an hour after that this store has its say as well,
-- for a front that may have asked the other one before.
-- Parameters: p_node   its row
-- Returns: as ctaudit.gone_at, NULL: it does not
-- Tables touched: stream (read)
CREATE OR REPLACE FUNCTION ctaudit.left_at(p_node ctaudit.node)
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
        WHERE s.node = p_node.node AND s.detail ->> 'moved_to' IS NOT NULL
            -- It may have been retired since.
            AND (s.detail -> 'handed_at' ->> -1)::timestamptz >= p_node.retired_at
            AND coalesce(
                (s.detail ->> 'settled_at')::timestamptz
                > clock_timestamp() - interval '15 min', true)
    ) THEN
        RETURN NULL;
    END IF;
    RETURN ctaudit.gone_at(p_node);
END
$function$;
