-- Function: ctaudit.format_gap
-- Parameters: p_gap
-- Returns: the gap as text, for example: gap (overrun) from .. until .., 123 lost
-- Tables touched: none
CREATE OR REPLACE FUNCTION ctaudit.format_gap(p_gap ctaudit.gap)
RETURNS text
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT CASE WHEN p_gap.gap_until = p_gap.gap_from
        THEN format('gap (%s) at %s', p_gap.cause, p_gap.gap_from)
        ELSE format('gap (%s) from %s until %s', p_gap.cause, p_gap.gap_from,
            coalesce(p_gap.gap_until::text, 'now'))
        END || ', ' || coalesce(p_gap.lost::text, 'an unknown number of events') || ' lost';
$function$;
