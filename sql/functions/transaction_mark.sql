-- Function: ctaudit.transaction_mark
-- Parameters: none
-- Returns: what tells this transaction from all others: its server process and its begin
-- Tables touched: none
CREATE OR REPLACE FUNCTION ctaudit.transaction_mark()
RETURNS text
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    RETURN pg_backend_pid() || '/' || extract(epoch FROM transaction_timestamp());
END
$function$;
