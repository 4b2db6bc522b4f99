-- Function: ctaudit.hand_over
-- Ends a gateway's record in this store, so that it goes on in another one (ctaudit.take_over there)
-- from the position of its stream. What is recorded stays, and the gateway is asked about the time until
-- then. No login records as it here any more. It may be repeated. For the owner only.
-- Parameters:
--   p_node     its name, or one that it had
--   p_to       what the other store is called; of one stream always the same
--   p_reason   is put on record with the login and the time
-- Returns: what ctaudit.take_over needs
-- Errors: P0002 no such gateway; 55000 it is not known how its stream goes on: it has none, a dump is
--   not recorded or compared to its end, or it was handed over to another store
-- Tables touched: node, stream, node_change, node_login, login_change; scope, gap, clock_doubt, note
--   (read)
CREATE OR REPLACE FUNCTION ctaudit.hand_over(p_node text, p_to text, p_reason text DEFAULT NULL)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_node CONSTANT text := ctaudit.node_named(p_node);
    v_stream ctaudit.stream;
    v_at timestamptz;
    v_login text;
BEGIN
    -- A batch that is being committed is waited for; the next one finds no login.
    PERFORM FROM ctaudit.node AS n WHERE n.node = v_node FOR NO KEY UPDATE;
    FOR v_login IN SELECT l.login FROM ctaudit.node_login AS l WHERE l.node = v_node LOOP
        PERFORM ctaudit.remove_login(v_node, v_login, coalesce(p_reason, 'moved to ' || p_to));
    END LOOP;
    SELECT * INTO v_stream FROM ctaudit.stream AS s WHERE s.node = v_node
    ORDER BY s.started_at DESC, s.committed_at DESC LIMIT 1 FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION '% has no stream that could go on in another store', v_node
            USING ERRCODE = '55000';
    ELSIF v_stream.detail ->> 'moved_to' <> p_to THEN
        RAISE EXCEPTION '% was handed over to %, where its record goes on', v_node,
            v_stream.detail ->> 'moved_to' USING ERRCODE = '55000';
    ELSIF v_stream.dump_id IS NOT NULL OR v_stream.pending_dump_id IS NOT NULL THEN
        RAISE EXCEPTION 'the last table dump of % is not recorded and compared to its end yet; let '
            'its recorder go on for a moment', v_node USING ERRCODE = '55000';
    END IF;
    v_at := greatest(v_stream.covered_until, v_stream.started_at);
    IF v_stream.detail ->> 'moved_to' IS NULL THEN
        UPDATE ctaudit.stream AS s SET
            stopped_at = coalesce(s.stopped_at, v_at),
            detail = s.detail || jsonb_build_object(
                'moved_to', p_to,
                'handed_at', coalesce(s.detail -> 'handed_at', '[]') || to_jsonb(v_at)
            )
        WHERE s.node = v_node AND s.stream = v_stream.stream;
        UPDATE ctaudit.node AS n SET retired_at = v_at WHERE n.node = v_node;
        PERFORM ctaudit.note_change(
            v_node, 'retired', NULL, v_at, coalesce(p_reason, 'moved to ' || p_to)
        );
    END IF;
    RETURN jsonb_build_object(
        'node', v_node, 'stream', v_stream.stream, 'mode', v_stream.mode, 'at', v_at,
        'position', v_stream.position,
        'detail', v_stream.detail - '{moved_to,announced_from,handed_at,taken_at,settled_at}'::text[],
        'is_covered', v_stream.covered_from IS NOT NULL,
        -- Of what began since then and was open, the DESTROY is sent.
        'announced_from', (
            SELECT max(greatest(a.announced_from, g.hidden_until))
            FROM ctaudit.announced(v_node) AS a, LATERAL (
                SELECT max(coalesce(h.gap_until, 'infinity')) AS hidden_until FROM ctaudit.gap AS h
                WHERE h.node = v_node AND h.cause = 'not announced'
            ) AS g
            WHERE a.announced_from <= v_at AND NOT EXISTS (
                SELECT FROM ctaudit.announced(v_node) AS b
                WHERE b.announced_from < a.announced_from AND b.announced_until >= a.announced_from
            ) AND EXISTS (
                SELECT FROM ctaudit.announced(v_node) AS n
                WHERE v_at BETWEEN n.announced_from AND n.announced_until
            )
        ),
        'scope', (
            SELECT to_jsonb(s) FROM ctaudit.scope AS s
            WHERE s.node = v_node ORDER BY s.scope_id DESC LIMIT 1
        ),
        -- What is not over: it goes on hiding there what it hides here.
        'gaps', coalesce((
            SELECT jsonb_agg(to_jsonb(g)) FROM ctaudit.gap AS g
            WHERE g.node = v_node AND coalesce(g.gap_until > v_at, true)
        ), '[]'),
        'doubts', coalesce((
            SELECT jsonb_agg(to_jsonb(d)) FROM ctaudit.clock_doubt AS d
            WHERE d.node = v_node AND d.doubt_until > v_at
        ), '[]')
    );
END
$function$;
