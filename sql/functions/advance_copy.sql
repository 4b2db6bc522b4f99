-- Function: ctaudit.advance_copy
-- Brings a node's copy of what is open nearer to a time, or begins one from a dump. The copy is what
-- ctaudit.alive would return if nothing had been received since copied_until: so ctaudit.live, which
-- goes on from there, says the same, and a dump can be compared with it by sets.
-- What a stream receives later has a later received_at; where that does not hold (a clock was
-- stepped, another stream of the node goes on), and where rows may be moved (they are in a
-- default partition), there is no copy.
-- Parameters:
--   p_stream   the row of the stream, in mode live
--   p_dump     the dump, once its entries are compared: until then openings may follow that were
--              received while it ran; NULL: none, since the node's first stream
--   p_for      the dump that is to be compared with the copy, NULL: none. Of two copies that were
--              begun for it the second is refused, so that its comparison comes to an end
--   p_until    no further than this, covered_until at most; NULL: to what is recorded
--   p_rows     how many openings to take, if more are left; those received at the same moment are
--              taken together
-- Returns:
--   copied_until   NULL: there is no copy
--   taken          how many openings were taken; more than p_rows: others are left
-- Errors: 40001 as ctaudit.refuse_moved
-- Tables touched: live_copy, live_place; stream, dump, clock_doubt, opening, dump_entry, flow (read)
CREATE OR REPLACE FUNCTION ctaudit.advance_copy(
    p_stream ctaudit.stream,
    p_dump bigint,
    p_for bigint,
    p_until timestamptz,
    p_rows bigint,
    OUT copied_until timestamptz,
    OUT taken bigint
)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET enable_hashjoin = on
SET enable_bitmapscan = on
SET enable_nestloop = off
SET enable_mergejoin = off
SET enable_sort = off
SET enable_seqscan = off
SET work_mem = '64MB'
SET jit = off
AS $function$
DECLARE
    v_dump CONSTANT bigint := coalesce(p_dump, 0);
    v_since CONSTANT record := ctaudit.recorded_since(
        p_stream.node, p_dump, p_stream.covered_until
    );
    v_ended_at CONSTANT timestamptz := (
        SELECT d.ended_at FROM ctaudit.dump AS d WHERE d.dump_id = p_dump
    );
    v_copy ctaudit.live_copy;
    v_from timestamptz;
    v_last timestamptz;
    v_again bigint[];
BEGIN
    taken := 0;
    SELECT c.* INTO v_copy FROM ctaudit.live_copy AS c
    WHERE c.node_id = p_stream.node_id AND c.dump_id = v_dump FOR UPDATE;
    IF NOT v_since.is_ordered OR NOT ctaudit.is_usable(v_copy, p_stream.node, p_dump) THEN
        DELETE FROM ctaudit.live_copy AS c
        WHERE c.node_id = p_stream.node_id AND c.dump_id = v_dump;
        IF NOT v_since.is_ordered OR v_copy.begun_for = p_for THEN
            RETURN;
        END IF;
        v_copy := NULL;
    END IF;
    IF v_copy.copied_until >= p_until THEN
        copied_until := v_copy.copied_until;
        RETURN;
    END IF;
    v_from := coalesce(v_copy.copied_until, v_since.began_at);
    EXECUTE $query$
        SELECT count(*), max(p.received) FROM (
            SELECT r.received_at AS received
            FROM ctaudit.opening_row AS r
            WHERE - r.node_id = - $1 AND r.received_at > $2 AND r.received_at < $4
                AND ctaudit.receipt(r.received_at) > $2 AND ctaudit.receipt(r.received_at) < $4
            ORDER BY ctaudit.receipt(r.received_at) LIMIT $3 + 1
        ) AS p
    $query$ INTO taken, v_last USING p_stream.node_id, v_from, p_rows, coalesce(p_until, 'infinity');
    -- What is received at the last time may not be recorded in whole.
    copied_until := greatest(
        v_from, CASE WHEN taken > p_rows THEN v_last ELSE coalesce(p_until, v_last) END
    );
    PERFORM ctaudit.summarize(v_from, copied_until);
    INSERT INTO ctaudit.live_copy AS c (
        node_id, dump_id, stream, copied_until, stored, others, made_in, begun_for
    )
    SELECT
        p_stream.node_id, v_dump, p_stream.stream, advance_copy.copied_until,
        CASE WHEN taken <= p_rows AND p_until IS NULL THEN p_stream.stored END,
        coalesce(
            jsonb_object_agg(s.stream, s.position) FILTER (WHERE s.stream <> p_stream.stream), '{}'
        ),
        ctaudit.database_identity(), p_for
    FROM ctaudit.stream AS s WHERE s.node = p_stream.node
    ON CONFLICT (node_id, dump_id) DO UPDATE SET
        copied_until = excluded.copied_until, stored = excluded.stored;
    EXECUTE ctaudit.open_query(v_copy, NULL, NULL, NULL) INTO v_again
    USING p_stream.node_id, p_dump, v_since.began_at, v_since.entries_from,
        v_since.entries_until, copied_until, NULL::inet, NULL::integer, v_from, v_ended_at;
    v_again := coalesce(v_again, '{}');
    -- Now the partitions are locked.
    PERFORM ctaudit.refuse_moved(v_copy, p_stream.node, p_dump);
    EXECUTE ctaudit.open_query(v_copy, NULL, NULL, v_again) || $query$
        INSERT INTO ctaudit.live_place AS k (
            node_id, dump_id, relation, filenode, copied_until, places, hosts
        )
        SELECT
            $1, $12, s.relation, pg_relation_filenode(s.relation), $6, array_agg(s.place),
            CASE WHEN $13 IS NULL THEN array_agg(
                CASE WHEN coalesce(s.status, 0) & 48 = 32 THEN s.reply_src ELSE s.orig_src END
            ) ELSE '{}' END
        FROM unended AS s
        GROUP BY s.relation
        ON CONFLICT (node_id, dump_id, relation) DO UPDATE SET
            copied_until = excluded.copied_until, places = excluded.places,
            hosts = excluded.hosts
    $query$
    USING p_stream.node_id, p_dump, v_since.began_at, v_since.entries_from,
        v_since.entries_until, copied_until, NULL::inet, NULL::integer, v_from, v_ended_at, v_again,
        v_dump, p_for;
    DELETE FROM ctaudit.live_place AS k
    WHERE k.node_id = p_stream.node_id AND k.dump_id = v_dump
        AND k.copied_until < advance_copy.copied_until;
    IF EXISTS (
        SELECT FROM ctaudit.live_place AS k
        WHERE k.node_id = p_stream.node_id AND k.dump_id = v_dump AND k.relation IN (
            'ctaudit.opening_default'::regclass, 'ctaudit.dump_entry_default'::regclass
        )
    ) THEN
        DELETE FROM ctaudit.live_copy AS c
        WHERE c.node_id = p_stream.node_id AND c.dump_id = v_dump;
        copied_until := NULL;
    END IF;
END
$function$;
