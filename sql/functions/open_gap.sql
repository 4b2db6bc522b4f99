-- Function: ctaudit.open_gap
-- Inserts a gap: a span in which events may be missing.
-- Parameters:
--   p_node, p_stream    whose stream
--   p_mode              its mode, which decides what the gap may hide
--   p_from, p_until     the span; p_until NULL: until the end of the next dump
--   p_cause
--   p_lost              how many events were lost; NULL: the number is not known
--   p_detail            the detail of the note that reported it
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
        node, stream, gap_from, gap_until, cause, lost, hides_openings, hides_ends, sound_from,
        detail
    ) VALUES (
        p_node, p_stream, least(p_from, p_until), CASE WHEN p_until IS NOT NULL
            THEN greatest(p_from, p_until) END,
        p_cause, p_lost, p_mode <> 'history', p_mode <> 'nat',
        CASE WHEN p_until IS NOT NULL THEN greatest(p_from, p_until) END, p_detail
    );
$function$;
