-- Function: ctaudit.detail_time
-- Parameters: p_detail   the detail of a note; p_key   the key of a time in it
-- Returns: the time: a number is nanoseconds since 1970, a string is cast to timestamptz;
--          NULL where the key is missing
-- Tables touched: none
CREATE OR REPLACE FUNCTION ctaudit.detail_time(p_detail jsonb, p_key text)
RETURNS timestamptz
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT ctaudit.possible_time(CASE jsonb_typeof(p_detail -> p_key)
        WHEN 'number' THEN
            timestamptz '1970-01-01 00:00:00+00'
            + trunc((p_detail ->> p_key)::numeric / 1000)::bigint * interval '1 microsecond'
        WHEN 'string' THEN (p_detail ->> p_key)::timestamptz
    END);
$function$;
