-- Function: ctaudit.begin_stream
-- Begins a stream at its start note: inserts the node if it is new, the stream, and a gap since
-- the node was last covered, and one from now on if the kernel sends no events. A retired node
-- that starts is not retired any more. Where the note says that the spool held a stream of another
-- node of the same login, that node has ended.
-- Parameters: as ctaudit.record_note
-- Returns: true: the stream is new; false: it is known already
-- Errors: CT005 as ctaudit.refuse_foreign
-- Tables touched: node, node_change, stream, gap; coverage, note, import, node_login (read)
CREATE OR REPLACE FUNCTION ctaudit.begin_stream(
    p_node text,
    p_stream uuid,
    p_until bigint,
    p_at timestamptz,
    p_detail jsonb
)
RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_mode text := coalesce(p_detail ->> 'mode', 'live');
    v_covered timestamptz;
    v_earlier uuid := p_detail #>> '{earlier,stream}';
    v_earlier_node text := ctaudit.node_of(p_detail #>> '{earlier,node}', v_earlier);
BEGIN
    PERFORM ctaudit.refuse_foreign(p_node);
    -- What was imported under the name of a gateway that now records gives way.
    IF EXISTS (SELECT FROM ctaudit.import AS i WHERE i.node = p_node) THEN
        PERFORM ctaudit.rename_node(
            p_node, p_node || ' imported at ' || clock_timestamp(), 'a gateway of that name records'
        );
    END IF;
    -- Only for a new name: each try takes one of the 32,767 numbers there are.
    IF NOT EXISTS (SELECT FROM ctaudit.node AS n WHERE n.node = p_node) THEN
        INSERT INTO ctaudit.node (node, first_seen) VALUES (p_node, p_at)
        ON CONFLICT (node) DO NOTHING;
    END IF;
    UPDATE ctaudit.node AS n SET first_seen = p_at, first_dump_id = NULL, reaches_to = NULL
    WHERE n.node = p_node AND n.first_seen > p_at;
    INSERT INTO ctaudit.stream (
        node, node_id, stream, mode, started_at, committed_at, position, covered_until,
        sent_after, detail
    )
    SELECT
        n.node, n.node_id, p_stream, v_mode, p_at, clock_timestamp(), p_until, p_at, p_at, p_detail
    FROM ctaudit.node AS n WHERE n.node = p_node
    ON CONFLICT (node, stream) DO NOTHING;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    -- One name, one gateway: what the earlier stream still sends is told by ctaudit.advance.
    UPDATE ctaudit.stream AS s SET stopped_at = p_at
    WHERE s.node = p_node AND s.stream <> p_stream AND s.stopped_at IS NULL
        -- Another boot has begun before, whatever its clock said.
        AND (s.started_at <= p_at OR s.detail ->> 'boot_id' <> p_detail ->> 'boot_id');
    UPDATE ctaudit.node AS n SET retired_at = NULL WHERE n.node = p_node AND n.retired_at < p_at;
    IF FOUND THEN
        PERFORM ctaudit.note_change(p_node, 'revived', NULL, NULL, 'it started at ' || p_at);
    END IF;
    -- By its own word: who records as another node does not end it.
    IF v_earlier_node <> p_node AND ctaudit.is_own(v_earlier_node) THEN
        PERFORM ctaudit.end_node(
            v_earlier_node, v_earlier, p_at, 'its spool goes on as that of ' || p_node
        );
    END IF;
    SELECT max(c.covered_until) INTO v_covered FROM ctaudit.coverage AS c WHERE c.node = p_node;
    IF v_covered IS NOT NULL THEN
        PERFORM ctaudit.open_gap(
            p_node, p_stream, v_mode, least(v_covered, p_at), NULL, 'not listening', NULL,
            jsonb_build_object('started_at', p_at, 'covered_until', v_covered)
        );
    END IF;
    IF p_detail ->> 'events' = '0' THEN
        PERFORM ctaudit.open_gap(
            p_node, p_stream, v_mode, p_at, NULL, 'nf_conntrack_events = 0', NULL, p_detail
        );
    END IF;
    RETURN true;
END
$function$;
