-- Function: ctaudit.take_over
-- Goes on with a gateway that another store has handed over (ctaudit.hand_over): its stream from
-- the same position, its scope, its filter rules, and what hides something beyond that time.
-- Its coverage begins with ends alone: what is open then is known with the first table dump. It may be
-- repeated. For the owner only.
-- Parameters: p_handed   as ctaudit.hand_over returned it; p_reason   is put on record
-- Returns: since when this store has its record
-- Errors: 55000 the stream goes on here beyond that position
-- Tables touched: node, stream, coverage, scope, gap, clock_doubt, node_change
CREATE OR REPLACE FUNCTION ctaudit.take_over(p_handed jsonb, p_reason text DEFAULT NULL)
RETURNS timestamptz
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_node CONSTANT text := p_handed ->> 'node';
    v_id CONSTANT uuid := p_handed ->> 'stream';
    v_at CONSTANT timestamptz := p_handed ->> 'at';
    v_position CONSTANT bigint := p_handed ->> 'position';
    v_mode CONSTANT text := p_handed ->> 'mode';
    v_known ctaudit.stream;
BEGIN
    INSERT INTO ctaudit.node (node, first_seen) VALUES (v_node, v_at) ON CONFLICT (node) DO NOTHING;
    PERFORM FROM ctaudit.node AS n WHERE n.node = v_node FOR NO KEY UPDATE;
    SELECT * INTO v_known FROM ctaudit.stream AS s
    WHERE s.node = v_node AND s.stream = v_id FOR NO KEY UPDATE;
    IF v_known.stopped_at IS NULL AND (
        v_known.position = v_position OR (v_known.detail -> 'taken_at' ->> -1)::timestamptz = v_at
    ) THEN
        RETURN v_at;
    ELSIF v_known.position > v_position THEN
        RAISE EXCEPTION 'stream % of % goes on here already, until %', v_id, v_node,
            v_known.covered_until USING ERRCODE = '55000';
    END IF;
    INSERT INTO ctaudit.stream AS s (
        node, node_id, stream, mode, started_at, committed_at, position, covered_until, sent_after,
        detail
    )
    SELECT
        v_node, n.node_id, v_id, v_mode, v_at, clock_timestamp(), v_position, v_at, v_at,
        (p_handed -> 'detail') || jsonb_strip_nulls(jsonb_build_object(
            'announced_from', p_handed -> 'announced_from',
            'handed_at', v_known.detail -> 'handed_at',
            'taken_at', coalesce(v_known.detail -> 'taken_at', '[]') || to_jsonb(v_at)
        ))
    FROM ctaudit.node AS n WHERE n.node = v_node
    -- It was here before, and comes back.
    ON CONFLICT (node, stream) DO UPDATE SET
        position = excluded.position, covered_until = excluded.covered_until,
        sent_after = excluded.sent_after, committed_at = excluded.committed_at,
        detail = excluded.detail, stopped_at = NULL, covered_from = NULL, dump_id = NULL,
        pending_dump_id = NULL;
    UPDATE ctaudit.node AS n SET retired_at = NULL WHERE n.node = v_node AND n.retired_at IS NOT NULL;
    PERFORM ctaudit.note_change(v_node, 'revived', NULL, NULL, coalesce(p_reason, 'taken over'));
    IF (p_handed ->> 'is_covered')::boolean AND v_mode <> 'nat' THEN
        PERFORM ctaudit.begin_coverage(v_node, v_id, v_at, false, true);
    END IF;
    INSERT INTO ctaudit.scope (
        node, stream, position, valid_from, noted_at, public, internal, hidden, source
    )
    SELECT v_node, v_id, v_position, v_at, v_at, s.public, s.internal, s.hidden, s.source
    FROM jsonb_populate_record(NULL::ctaudit.scope, nullif(p_handed -> 'scope', 'null')) AS s
    WHERE s.source IS NOT NULL;
    INSERT INTO ctaudit.gap (
        node, stream, gap_from, gap_until, cause, lost, hides_openings, hides_ends, sound_from,
        proto, detail
    )
    SELECT v_node, v_id, greatest(g.gap_from, v_at), g.gap_until, g.cause, g.lost, g.hides_openings,
        g.hides_ends, g.sound_from, g.proto, g.detail
    FROM jsonb_populate_recordset(NULL::ctaudit.gap, p_handed -> 'gaps') AS g;
    INSERT INTO ctaudit.clock_doubt (node, stream, at, step_seconds, doubt_from, doubt_until)
    SELECT v_node, v_id, d.at, d.step_seconds, d.doubt_from, d.doubt_until
    FROM jsonb_populate_recordset(NULL::ctaudit.clock_doubt, p_handed -> 'doubts') AS d;
    RETURN v_at;
END
$function$;
