-- Function: ctaudit.spoil_copy
-- The trigger of a partition that is being copied: a row that came meanwhile is not in the copy, so
-- the copy is thrown away. The batch does not wait.
-- Parameters: the parent and the day, as arguments of the trigger
-- Returns: the row
-- Tables touched: closed_partition
CREATE OR REPLACE FUNCTION ctaudit.spoil_copy()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    -- Also where it is spoiled already: whoever begins anew waits for this transaction.
    UPDATE ctaudit.closed_partition AS c SET is_spoiled = true
    WHERE c.parent = TG_ARGV[0] AND c.day = TG_ARGV[1]::date;
    RETURN NEW;
END
$function$;
