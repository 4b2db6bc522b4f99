-- Function: ctaudit.change_settings
-- The kernel's settings were changed while a stream goes on.
--   events = 0   the kernel announces nothing: a gap since the last look that found it on. The
--                first dump that begins after it is on again ends the gap (ctaudit.end_dump).
--   timestamp    what began before has other stamps than what began after: the stream counts as
--                one without stamps (ctaudit.needed).
-- Parameters: p_stream, p_detail   as of ctaudit.record_note
-- Returns: nothing
-- Tables touched: gap, stream
CREATE OR REPLACE FUNCTION ctaudit.change_settings(p_stream ctaudit.stream, p_detail jsonb)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_were_off boolean := coalesce(p_stream.detail ->> 'events' = '0', false);
    v_are_off boolean := coalesce(p_detail ->> 'events' = '0', false);
BEGIN
    IF v_are_off AND NOT v_were_off THEN
        PERFORM ctaudit.open_gap(
            p_stream.node, p_stream.stream, p_stream.mode,
            least(ctaudit.detail_time(p_detail, 'last_look'), p_stream.covered_until), NULL,
            'nf_conntrack_events = 0', NULL, p_detail
        );
    END IF;
    UPDATE ctaudit.stream AS s SET
        detail = s.detail || jsonb_build_object(
            'events', p_detail -> 'events',
            'timestamp', CASE WHEN s.detail ->> 'timestamp' = p_detail ->> 'timestamp'
                THEN s.detail -> 'timestamp' ELSE '0' END
        ),
        -- A dump that runs may lack what began before events were on again.
        dump_id = CASE WHEN v_were_off THEN NULL ELSE s.dump_id END
    WHERE s.node = p_stream.node AND s.stream = p_stream.stream;
END
$function$;
