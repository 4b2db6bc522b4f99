-- Function: ctaudit.count_kinds
-- Parameters: p_kind   event kinds of a batch; p_kept   the kinds that are kept
-- Returns: how many events of the batch are of a kept kind
-- Tables touched: none
CREATE OR REPLACE FUNCTION ctaudit.count_kinds(p_kind smallint[], p_kept smallint[])
RETURNS bigint
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT count(*) FROM unnest(p_kind) AS k (kind) WHERE k.kind = ANY (p_kept);
$function$;
