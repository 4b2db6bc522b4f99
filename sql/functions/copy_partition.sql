-- Function: ctaudit.copy_partition
-- The second step (ctaudit.begin_copy is the first): copies what answers need of the partition of a
-- day into a table beside it, in the order of receipt, analysed, with full indexes. Nothing waits
-- meanwhile. An opening is left out where its end tells all that it does (ctaudit.is_told).
-- Parameters: p_table   opening, flow or dump_entry; p_day
-- Returns: how many rows are left out
-- Errors: 22023 ctaudit.begin_copy comes first. 25001 not in READ COMMITTED: rows that came before
--   the first step, but after the snapshot, would not be copied
-- Tables touched: the copy (made); closed_partition, the partition; for openings: flow_row, and those
--   of ctaudit.paired_nodes (read)
CREATE OR REPLACE FUNCTION ctaudit.copy_partition(p_table text, p_day date)
RETURNS bigint
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET standard_conforming_strings = on
SET DateStyle = 'ISO, YMD'
SET TimeZone = 'UTC'
SET enable_nestloop = off
SET work_mem = '64MB'
SET jit = off
AS $function$
DECLARE
    v_parent text := p_table || '_row';
    v_name text := ctaudit.attached(p_table, p_day);
    v_copy text := v_name || '_copy';
    v_from timestamptz := p_day;
    v_until timestamptz := p_day + 1;
    v_index text;
    v_rows bigint;
    v_copied bigint;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'to be called in READ COMMITTED' USING ERRCODE = '25001';
    END IF;
    IF v_name IS NULL OR NOT EXISTS (
        SELECT FROM ctaudit.closed_partition AS c
        WHERE c.parent = p_table AND c.day = p_day AND c.closed_at IS NULL
    ) THEN
        RAISE EXCEPTION '% of % is not being closed', p_table, p_day USING ERRCODE = '22023';
    END IF;
    -- Autovacuum freezes it, once (ctaudit.set_freezing). The constraint saves the server a scan
    -- when it is attached.
    EXECUTE format(
        'CREATE TABLE ctaudit.%1$I (LIKE ctaudit.%2$I INCLUDING DEFAULTS INCLUDING CONSTRAINTS, '
        'CONSTRAINT day CHECK (received_at >= %3$L AND received_at < %4$L)) '
        'WITH (autovacuum_freeze_min_age = 0, autovacuum_freeze_table_age = 0, '
        'autovacuum_vacuum_insert_threshold = 0, autovacuum_vacuum_insert_scale_factor = 0)',
        v_copy, v_parent, v_from, v_until
    );
    EXECUTE format('SELECT count(*) FROM ctaudit.%I', v_name) INTO v_rows;
    EXECUTE format('INSERT INTO ctaudit.%I ', v_copy) || CASE p_table WHEN 'opening' THEN $query$
        WITH
        -- Of the same id and port there may be two of one tuple; of so few as come by chance all stay.
        doubled AS MATERIALIZED (
            SELECT o.node_id, o.ct_id, o.orig_sport FROM ctaudit.opening_row AS o
            WHERE o.received_at >= $4
                AND o.received_at < $5
            GROUP BY o.node_id, o.ct_id, o.orig_sport HAVING count(*) > 1
            UNION
            SELECT f.node_id, f.ct_id, f.orig_sport FROM ctaudit.flow_row AS f
            WHERE f.received_at >= $4
                AND f.received_at < $6
            GROUP BY f.node_id, f.ct_id, f.orig_sport HAVING count(*) > 1
        )
        SELECT o.* FROM ctaudit.opening_row AS o
        WHERE o.received_at >= $1 AND o.received_at < $2 AND NOT EXISTS (
            SELECT FROM ctaudit.flow_row AS f
            WHERE f.received_at >= $1 AND f.received_at < $5
                AND f.node_id = o.node_id AND f.node_id = ANY ($3) AND f.ct_id <> -1
                AND ctaudit.same_tuple(
                    o.zones, o.proto, o.orig_src, o.orig_dst, o.orig_sport, o.orig_dport, o.ct_id,
                    f.zones, f.proto, f.orig_src, f.orig_dst, f.orig_sport, f.orig_dport, f.ct_id
                )
                AND ctaudit.is_told(o, f)
                AND NOT EXISTS (
                    SELECT FROM doubled AS d
                    WHERE d.node_id = f.node_id AND d.ct_id = f.ct_id
                        AND d.orig_sport = f.orig_sport
                )
        )
        ORDER BY o.received_at
    $query$ ELSE format(
        'SELECT r.* FROM ctaudit.%I AS r WHERE r.received_at >= $1 AND r.received_at < $2 '
        'ORDER BY r.received_at', v_parent
    ) END
    -- Sums of the server's own, by which the planner would leave out no partition, are made here.
    USING v_from, v_until, ctaudit.paired_nodes(p_day), v_from - interval '2 hours',
        v_until + interval '2 hours', v_until + interval '4 hours';
    GET DIAGNOSTICS v_copied = ROW_COUNT;
    -- Those of the parent, which then are attached with it; nothing will be inserted between.
    FOR v_index IN
        SELECT regexp_replace(
            pg_get_indexdef(i.indexrelid), '^CREATE INDEX \S+ ON ONLY \S+ ',
            format('CREATE INDEX ON ctaudit.%I ', v_copy)
        )
        FROM pg_index AS i WHERE i.indrelid = format('ctaudit.%I', v_parent)::regclass
    LOOP
        IF v_index ~ ' USING btree ' AND v_index !~ ' WITH ' THEN
            v_index := regexp_replace(v_index, '( WHERE |$)', ' WITH (fillfactor = 100)\1');
        END IF;
        EXECUTE v_index;
    END LOOP;
    -- What is not translated, by the end that was called. Behind NAT that is little; of the parent's
    -- bloom filters a question reads one for each 32 pages of the day, which costs more than one
    -- lock more from a few hundred filters on.
    IF p_table <> 'dump_entry' AND pg_relation_size(format('ctaudit.%I', v_copy)) > 67108864 THEN
        EXECUTE format(
            'CREATE INDEX ON ctaudit.%I (orig_dport, orig_dst) WITH (fillfactor = 100) '
            'WHERE (status & 48) = 0', v_copy
        );
    END IF;
    EXECUTE format('ANALYZE ctaudit.%I', v_copy);
    RETURN v_rows - v_copied;
END
$function$;
