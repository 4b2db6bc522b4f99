-- Function: ctaudit.change_filter
-- Records the filter rules of a stream, unless they are those that held before. Which rules held
-- when stands in the stream's detail: filters, [{from, position, digest, where, rules}]. From the
-- note of other rules until the end of the next dump the old ones and the new ones may hold: a gap.
-- Parameters: p_stream   its row; p_position, p_at   as of ctaudit.record_note
--   p_detail   of a start or resume note {filter: {digest, where, rules}}, NULL: all is recorded;
--              of a dump's begin {filter: digest}. Without the key, of a start or resume note,
--              nothing has changed. where: kernel or recorder, for people.
--              rules: as of ctaudit.rule_meets. The digest of rules that are not known: the note
--              of them is lost, and they count as some that exclude anything
-- Returns: nothing
-- Tables touched: stream, gap
CREATE OR REPLACE FUNCTION ctaudit.change_filter(
    p_stream ctaudit.stream,
    p_position bigint,
    p_at timestamptz,
    p_detail jsonb
)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_filters jsonb := coalesce(p_stream.detail -> 'filters', '[]');
    v_told jsonb := CASE jsonb_typeof(p_detail -> 'filter')
        WHEN 'object' THEN p_detail -> 'filter'
        WHEN 'string' THEN jsonb_build_object('digest', p_detail -> 'filter', 'rules', NULL)
        ELSE jsonb_build_object('digest', NULL, 'rules', '[]'::jsonb) END;
    v_is_same boolean := v_filters -> -1 ->> 'digest' IS NOT DISTINCT FROM v_told ->> 'digest';
BEGIN
    IF NOT p_detail ? 'filter' OR v_is_same AND (
        v_filters -> -1 -> 'where' IS NOT DISTINCT FROM v_told -> 'where' OR NOT v_told ? 'where'
    ) THEN
        RETURN;
    END IF;
    UPDATE ctaudit.stream AS s SET
        detail = s.detail - 'filter' || jsonb_build_object('filters', v_filters || (
            v_told || jsonb_build_object(
                'from', (extract(epoch FROM p_at) * 1000000000)::bigint, 'position', p_position
            )
        ))
    WHERE s.node = p_stream.node AND s.stream = p_stream.stream;
    -- A new stream is covered from its first dump on.
    IF NOT v_is_same AND p_position > 0 THEN
        PERFORM ctaudit.open_gap(
            p_stream.node, p_stream.stream, p_stream.mode, least(p_stream.covered_until, p_at), NULL,
            'filter rules changed', NULL, p_detail - 'filter'
        );
    END IF;
END
$function$;
