-- Function: ctaudit.requires_reason
-- Parameters: none
-- Returns: whether each question must say a case and a reason
-- Tables touched: inquiry_rule (read)
CREATE OR REPLACE FUNCTION ctaudit.requires_reason()
RETURNS boolean
LANGUAGE plpgsql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    RETURN coalesce((
        SELECT r.require_reason FROM ctaudit.inquiry_rule AS r
        WHERE r.rule_id = (SELECT max(l.rule_id) FROM ctaudit.inquiry_rule AS l)
    ), false);
END
$function$;
