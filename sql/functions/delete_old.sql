-- Function: ctaudit.delete_old
-- Deletes rows of a default partition that retention does not keep any more. Rows older than the
-- first stream of all stay: they have the time of a clock that was wrong.
-- Parameters: p_table   opening, flow or dump_entry; p_retention_days   days to keep
--   p_rows   at most so many
-- Returns: how many were deleted; 0: there is none left
-- Tables touched: <p_table>_default; hold, node, and those of ctaudit.held (read)
CREATE OR REPLACE FUNCTION ctaudit.delete_old(
    p_table text,
    p_retention_days integer,
    p_rows bigint DEFAULT 500000
)
RETURNS bigint
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '2s'
AS $function$
DECLARE
    v_deleted bigint;
BEGIN
    LOCK TABLE ctaudit.hold IN SHARE MODE;
    EXECUTE format(
        'DELETE FROM ctaudit.%1$I WHERE ctid = ANY (ARRAY(SELECT d.ctid FROM ctaudit.%1$I AS d '
        'WHERE d.received_at < $1 AND NOT d.received_at <@ $2 AND d.received_at >= $3 LIMIT $4))',
        p_table || '_default'
    ) USING ctaudit.horizon(p_retention_days), ctaudit.held(),
        (SELECT min(n.first_seen) FROM ctaudit.node AS n), p_rows;
    GET DIAGNOSTICS v_deleted = ROW_COUNT;
    RETURN v_deleted;
END
$function$;
