-- Function: ctaudit.possible_time
-- A time that a gateway sends, if a clock can have it: one of 64 bits of nanoseconds since 1970. With
-- another, such as infinity, programs that list all gateways could not read the list.
-- Parameters: p_time
-- Returns: p_time; NULL: it is not known
-- Errors: 22008 no clock has it
-- Tables touched: none
CREATE OR REPLACE FUNCTION ctaudit.possible_time(p_time timestamptz)
RETURNS timestamptz
LANGUAGE plpgsql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    IF p_time NOT BETWEEN timestamptz '1677-09-21 00:12:44+00'
        AND timestamptz '2262-04-11 23:47:17+00'
    THEN
        RAISE EXCEPTION 'no clock of a gateway has the time %', p_time USING ERRCODE = '22008';
    END IF;
    RETURN p_time;
END
$function$;
