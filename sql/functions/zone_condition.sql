-- Function: ctaudit.zone_condition
-- Parameters: p_zone   a conntrack zone, NULL: any
-- Returns: a condition on an r with zones (ctaudit.zone_pair), behind AND: one of its directions
--   has the zone; '' where any will do
-- Tables touched: none
CREATE OR REPLACE FUNCTION ctaudit.zone_condition(p_zone integer)
RETURNS text
LANGUAGE plpgsql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    IF p_zone NOT BETWEEN 0 AND 65535 THEN
        RAISE EXCEPTION 'not a conntrack zone: %', p_zone
            USING ERRCODE = '22023', HINT = 'A zone is 0 to 65535; NULL asks for any.';
    END IF;
    RETURN coalesce(' AND ' || p_zone || ' IN (r.zones & 65535, r.zones >> 16 & 65535)', '');
END
$function$;
