-- Function: ctaudit.delete_holders
-- Deletes the intervals of holders that no connection of the record can need any more: a day after
-- retention has dropped the rows of their time, unless a hold keeps these.
-- Parameters: p_retention_days   days to keep; p_rows   at most so many
-- Returns: how many were deleted; 0: there is none left
-- Tables touched: holder; hold, and those of ctaudit.held (read)
CREATE OR REPLACE FUNCTION ctaudit.delete_holders(
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
    v_held tstzmultirange;
BEGIN
    IF NOT EXISTS (SELECT FROM ctaudit.holder) THEN
        RETURN 0;
    END IF;
    LOCK TABLE ctaudit.hold IN SHARE MODE;
    v_held := ctaudit.held();
    DELETE FROM ctaudit.holder AS h
    WHERE h.holder_id = ANY (ARRAY(
        SELECT o.holder_id FROM ctaudit.holder AS o
        WHERE o.valid_until < ctaudit.horizon(p_retention_days) - interval '1 day'
            AND NOT tstzrange(o.valid_from, o.valid_until, '[]') && v_held
        LIMIT p_rows
    ));
    GET DIAGNOSTICS v_deleted = ROW_COUNT;
    RETURN v_deleted;
END
$function$;
