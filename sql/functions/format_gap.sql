-- Function: ctaudit.format_gap
-- Parameters: p_gap
-- Returns: the gap as text, for example: gap (overrun) from .. until .., 123 lost; or, of one
--   protocol: gap (clashes) of udp from .. until .., 2 lost
-- Tables touched: none
CREATE OR REPLACE FUNCTION ctaudit.format_gap(p_gap ctaudit.gap)
RETURNS text
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT format('gap (%s)', p_gap.cause)
        || CASE p_gap.proto WHEN 6 THEN ' of tcp' WHEN 17 THEN ' of udp'
            ELSE coalesce(' of protocol ' || p_gap.proto, '') END
        || CASE WHEN p_gap.gap_until = p_gap.gap_from THEN format(' at %s', p_gap.gap_from)
            ELSE format(' from %s until %s', p_gap.gap_from,
                coalesce(p_gap.gap_until::text, 'now')) END
        || ', ' || coalesce(p_gap.lost::text, 'an unknown number of events') || ' lost';
$function$;
