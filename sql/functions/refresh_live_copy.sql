-- Function: ctaudit.refresh_live_copy
-- Brings a node's copy of what is open nearer to what is recorded, or begins one from its last
-- complete dump, once that is compared. The recorder calls it between two batches, if
-- database.live_copy is set. The copy is what ctaudit.alive would return if nothing had been
-- received since copied_until: so ctaudit.live, which goes on from there, says the same.
-- What a stream receives later has a later received_at; where that does not hold (a clock was
-- stepped, another stream of the node goes on), and where rows may be moved (they are in a
-- default partition), there is no copy, and ctaudit.live reads all since the dump.
-- Parameters:
--   p_node, p_stream   whose rows
--   p_rows             about how many openings to take, if more are left
-- Returns: copied_until; NULL: there is no copy
-- Errors: CT005 as ctaudit.refuse_foreign
-- Tables touched: live_copy, live_place; node, node_change, stream, dump, clock_doubt, opening,
--   dump_entry, flow (read)
CREATE OR REPLACE FUNCTION ctaudit.refresh_live_copy(
    p_node text,
    p_stream uuid,
    p_rows bigint DEFAULT 500000
)
RETURNS timestamptz
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_nestloop = off
SET enable_mergejoin = off
SET enable_sort = off
SET enable_seqscan = off
SET work_mem = '64MB'
SET jit = off
AS $function$
DECLARE
    v_times CONSTANT text := 'SELECT ctaudit.receipt(r.received_at) FROM ctaudit.opening_row AS r '
        'WHERE - r.node_id = - $1 AND r.received_at > $2 AND ctaudit.receipt(r.received_at) > $2 '
        'ORDER BY ctaudit.receipt(r.received_at)';
    v_stream ctaudit.stream;
    v_dump ctaudit.dump;
    v_since record;
    v_copy ctaudit.live_copy;
    v_from timestamptz;
    v_until timestamptz;
    v_is_last boolean;
    v_again bigint[];
BEGIN
    p_node := ctaudit.own_node(p_node, p_stream);
    SELECT s.* INTO v_stream FROM ctaudit.stream AS s
    WHERE s.node = p_node AND s.stream = p_stream AND s.mode = 'live';
    SELECT d.* INTO v_dump FROM ctaudit.dump AS d
    WHERE d.dump_id = ctaudit.last_dump(p_node) AND d.stream = v_stream.stream;
    -- Until then openings may follow that were received while the dump ran.
    IF v_dump.heard_until IS NULL THEN
        RETURN NULL;
    END IF;
    v_since := ctaudit.recorded_since(p_node, v_dump.dump_id, v_stream.covered_until);
    SELECT c.* INTO v_copy FROM ctaudit.live_copy AS c
    WHERE c.node_id = v_stream.node_id FOR UPDATE;
    IF NOT v_since.is_ordered OR NOT ctaudit.is_usable(v_copy, p_node, v_dump.dump_id) THEN
        DELETE FROM ctaudit.live_copy AS c WHERE c.node_id = v_stream.node_id;
        v_copy := NULL;
    END IF;
    IF NOT v_since.is_ordered THEN
        RETURN NULL;
    END IF;
    v_from := coalesce(v_copy.copied_until, v_dump.began_at);
    v_is_last := coalesce(v_stream.stored - v_copy.stored <= 2 * p_rows, false);
    IF NOT v_is_last THEN
        EXECUTE v_times || ' OFFSET $3 LIMIT 1'
        INTO v_until USING v_stream.node_id, v_from, p_rows;
        v_is_last := v_until IS NULL;
    END IF;
    IF v_is_last THEN
        -- What is received at that time may not be recorded in whole.
        EXECUTE v_times || ' DESC LIMIT 1' INTO v_until USING v_stream.node_id, v_from;
    END IF;
    v_until := coalesce(v_until, v_from);
    INSERT INTO ctaudit.live_copy AS c (
        node_id, dump_id, stream, copied_until, stored, others, made_in
    )
    SELECT
        v_stream.node_id, v_dump.dump_id, p_stream, v_until,
        CASE WHEN v_is_last THEN v_stream.stored END,
        coalesce(jsonb_object_agg(s.stream, s.position) FILTER (WHERE s.stream <> p_stream), '{}'),
        ctaudit.database_identity()
    FROM ctaudit.stream AS s WHERE s.node = p_node
    ON CONFLICT (node_id) DO UPDATE SET copied_until = v_until, stored = excluded.stored;
    EXECUTE ctaudit.open_query(v_copy, NULL, NULL, NULL) INTO v_again
    USING v_stream.node_id, v_dump.dump_id, v_dump.began_at, v_since.entries_from,
        v_since.entries_until, v_until, NULL::inet, NULL::integer, v_from, v_dump.ended_at;
    v_again := coalesce(v_again, '{}');
    EXECUTE ctaudit.open_query(v_copy, NULL, NULL, v_again) || $query$
        INSERT INTO ctaudit.live_place AS k (
            node_id, relation, filenode, copied_until, places, hosts
        )
        SELECT
            $1, s.relation, pg_relation_filenode(s.relation), $6, array_agg(s.place),
            array_agg(
                CASE WHEN coalesce(s.status, 0) & 48 = 32 THEN s.reply_src ELSE s.orig_src END
            )
        FROM unended AS s
        GROUP BY s.relation
        ON CONFLICT (node_id, relation) DO UPDATE SET
            copied_until = excluded.copied_until, places = excluded.places,
            hosts = excluded.hosts
    $query$
    USING v_stream.node_id, v_dump.dump_id, v_dump.began_at, v_since.entries_from,
        v_since.entries_until, v_until, NULL::inet, NULL::integer, v_from, v_dump.ended_at, v_again;
    DELETE FROM ctaudit.live_place AS k
    WHERE k.node_id = v_stream.node_id AND k.copied_until < v_until;
    IF EXISTS (
        SELECT FROM ctaudit.live_place AS k
        WHERE k.node_id = v_stream.node_id AND k.relation IN (
            'ctaudit.opening_default'::regclass, 'ctaudit.dump_entry_default'::regclass
        )
    ) THEN
        DELETE FROM ctaudit.live_copy AS c WHERE c.node_id = v_stream.node_id;
        RETURN NULL;
    END IF;
    RETURN v_until;
END
$function$;
