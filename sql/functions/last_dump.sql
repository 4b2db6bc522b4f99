-- Function: ctaudit.last_dump
-- Parameters:
--   p_node
--   p_before       the dump had ended by this time; NULL: the one that was recorded last, whatever
--                  the clock said
--   p_reconciled   only dumps that ctaudit.reconcile has compared
-- Returns: the dump_id of the latest complete dump, NULL where there is none
-- Tables touched: dump (read)
CREATE OR REPLACE FUNCTION ctaudit.last_dump(
    p_node text,
    p_before timestamptz DEFAULT NULL,
    p_reconciled boolean DEFAULT false
)
RETURNS bigint
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT CASE WHEN p_before IS NULL THEN (
        SELECT d.dump_id FROM ctaudit.dump AS d
        WHERE d.node = p_node AND d.ended_at IS NOT NULL
            AND (d.reconciled_at IS NOT NULL OR NOT p_reconciled)
        ORDER BY d.dump_id DESC LIMIT 1
    ) ELSE (
        SELECT d.dump_id FROM ctaudit.dump AS d
        WHERE d.node = p_node AND d.ended_at <= p_before
            AND (d.reconciled_at IS NOT NULL OR NOT p_reconciled)
        ORDER BY d.ended_at DESC, d.dump_id DESC LIMIT 1
    ) END;
$function$;
