-- Function: ctaudit.open_gap
-- Writes down a span in which events may be missing.
-- Parameters:
--   p_node, p_stream, p_mode    whose; the mode says what the gap may hide
--   p_from, p_until             the span; p_until NULL: until the end of the next dump
--   p_cause, p_lost, p_detail   why, how many events (NULL: unknown), what the note said
-- Returns: nothing
-- Tables touched: gap
CREATE OR REPLACE FUNCTION ctaudit.open_gap(
    p_node text,
    p_stream uuid,
    p_mode text,
    p_from timestamptz,
    p_until timestamptz,
    p_cause text,
    p_lost bigint,
    p_detail jsonb
)
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $function$
    INSERT INTO ctaudit.gap (
        node, stream, gap_from, gap_until, cause, lost, hides_openings, hides_ends, detail
    ) VALUES (
        p_node, p_stream, least(p_from, p_until), CASE WHEN p_until IS NOT NULL
            THEN greatest(p_from, p_until) END,
        p_cause, p_lost, p_mode <> 'history', p_mode <> 'nat', p_detail
    );
$function$;
