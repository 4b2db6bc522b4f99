-- Function: ctaudit.lift_hold
-- Lifts the holds of a case: retention drops what they kept. For the owner only.
-- Parameters: p_case
-- Returns: how many were lifted
-- Errors: P0002 the case has none
-- Tables touched: hold_lift; hold (read)
CREATE OR REPLACE FUNCTION ctaudit.lift_hold(p_case text)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_lifted bigint;
BEGIN
    INSERT INTO ctaudit.hold_lift (hold_id)
    SELECT h.hold_id FROM ctaudit.hold AS h WHERE h.case_reference = p_case
    ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS v_lifted = ROW_COUNT;
    IF v_lifted = 0 THEN
        RAISE EXCEPTION 'case % has no hold', p_case USING ERRCODE = 'P0002',
            HINT = 'ctaudit hold list shows the holds.';
    END IF;
    RAISE LOG 'ctaudit: % lifted the holds of case %', session_user, p_case;
    RETURN v_lifted;
END
$function$;
