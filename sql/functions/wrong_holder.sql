-- Function: ctaudit.wrong_holder
-- Parameters: as those of ctaudit.place_holder
-- Returns: why this is no interval of a holder, NULL: it is one
-- Tables touched: none
CREATE OR REPLACE FUNCTION ctaudit.wrong_holder(
    p_source text,
    p_network inet,
    p_holder text,
    p_detail text,
    p_from timestamptz,
    p_until timestamptz
)
RETURNS text
LANGUAGE sql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT CASE
        WHEN p_network IS NULL THEN 'no address'
        WHEN p_network <> network(p_network)::inet THEN 'the network has host bits set'
        WHEN coalesce(btrim(p_source), '') = '' THEN 'no source'
        WHEN coalesce(btrim(p_holder), '') = '' THEN 'no holder'
        WHEN length(p_source) > 100 THEN 'the source has more than 100 characters'
        WHEN length(p_holder) > 200 THEN 'the holder has more than 200 characters'
        WHEN length(p_detail) > 200 THEN 'the detail has more than 200 characters'
        WHEN p_source || p_holder || coalesce(p_detail, '') ~ '[[:cntrl:]]'
            THEN 'a control character'
        WHEN p_from IS NULL OR NOT isfinite(p_from) THEN 'no time from which on'
        WHEN NOT isfinite(p_until) THEN 'infinity is no time; leave the end out'
        WHEN p_until <= p_from THEN 'it ends no later than it begins'
    END;
$function$;
