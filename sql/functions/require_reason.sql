-- Function: ctaudit.require_reason
-- Makes a case and a reason mandatory for every question, or no longer. For the owner only.
-- Parameters: p_required
-- Returns: nothing
-- Errors: 22004 p_required is NULL
-- Tables touched: inquiry_rule (written)
CREATE OR REPLACE FUNCTION ctaudit.require_reason(p_required boolean)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    IF p_required IS NULL THEN
        RAISE EXCEPTION 'a reason is required, or it is not: NULL is neither'
            USING ERRCODE = '22004';
    END IF;
    INSERT INTO ctaudit.inquiry_rule (require_reason) VALUES (p_required);
END
$function$;
