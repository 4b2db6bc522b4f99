-- Function: ctaudit.missing_stores
-- The stores whose part of an answer is missing.
-- Parameters: p_from   begin of the asked span; NULL: without bound
-- Returns: sentence: why it is not known what they have; those that were unreached in this transaction,
--   and those that are gone and were asked until p_from or later
-- Tables touched: store, pg_temp.ctaudit_kept (read)
CREATE OR REPLACE FUNCTION ctaudit.missing_stores(p_from timestamptz)
RETURNS TABLE (store text, sentence text)
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
SET DateStyle = 'ISO, YMD'
AS $function$
    SELECT s.name, k.value #>> '{}'
    FROM pg_temp.ctaudit_kept AS k JOIN ctaudit.store AS s ON s.store_id = k.store_id
    WHERE k.kind = 'unreached'
    UNION ALL
    SELECT s.name, format(
        'store %s was taken out at %s: what it had recorded until then is not known', s.name,
        s.gone_at)
    FROM ctaudit.store AS s
    WHERE s.gone_at IS NOT NULL AND coalesce(p_from <= s.gone_at, true)
    ORDER BY 1;
$function$;
