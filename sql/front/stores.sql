-- Function: ctaudit.stores
-- The stores that this front asks, and asked.
-- Parameters: none
-- Returns: one row per store, by number
-- Tables touched: store (read)
CREATE OR REPLACE FUNCTION ctaudit.stores()
RETURNS TABLE (
    store_id smallint,
    name text,
    dsn text,
    patience interval,
    long_patience interval,
    added_at timestamptz,
    retired_at timestamptz,
    gone_at timestamptz
)
LANGUAGE sql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT
        s.store_id, s.name, s.dsn, s.patience, s.long_patience, s.added_at, s.retired_at, s.gone_at
    FROM ctaudit.store AS s ORDER BY s.store_id;
$function$;
