-- Function: ctaudit.ask_stores
-- Asks the stores at once, each in one call (ctaudit.front_call there), which is one transaction of one
-- snapshot. What a store cannot do, and one that does not answer in time, does not hinder the others:
-- it is unreached for the rest of this transaction, a warning names it, and ctaudit.completeness_for and
-- ctaudit.uncovered say so. Where it is not known whether a store has the call, it is sent again
-- with the same number, so that the store records each question once.
-- Parameters:
--   p_items     as of ctaudit.front_call there
--   p_is_long   the question is over a whole span: it may take longer
--   p_absent    SQLSTATEs by which a store says that it has nothing of it
--   p_nodes     the gateways that the question names, NULL or with a NULL: any. Each store first says
--               whether it knows one, which is not on record, and the others are not asked. Where
--               none does, all are
-- Returns: the rows of ctaudit.front_call with the store, in no order; one with item NULL and what it
--   said of a store that has nothing
-- Errors: what a store refuses because of the question itself; 55000 there is no store
-- Tables touched: store (read); pg_temp.ctaudit_kept
CREATE OR REPLACE FUNCTION ctaudit.ask_stores(
    p_items jsonb,
    p_is_long boolean DEFAULT false,
    p_absent text[] DEFAULT '{}',
    p_nodes text[] DEFAULT NULL
)
RETURNS TABLE (store_id smallint, store text, item integer, place integer, value jsonb)
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET client_min_messages = warning
AS $function$
#variable_conflict use_column
DECLARE
    -- Of the question itself, whichever store says it.
    c_refused CONSTANT text[] := '{CT006,0A000,22023,22004,22P02,22003,22008,54000}';
    -- Its rows were moved meanwhile, or another call with this number was committed.
    c_again CONSTANT text[] := '{40001,23505}';
    v_purpose CONSTANT jsonb := coalesce(ctaudit.purpose(), '{}');
    v_query CONSTANT text := ctaudit.call_query(p_items, v_purpose);
    -- Which alone are asked; NULL: all.
    v_concerned smallint[];
    v_waiting ctaudit.waiting_store[];
    v_left ctaudit.waiting_store[];
    v_one ctaudit.waiting_store;
    v_why text;
    v_state text;
BEGIN
    PERFORM ctaudit.make_kept();
    IF p_nodes <> '{}' AND array_position(p_nodes, NULL) IS NULL
        AND (SELECT count(*) > 1 FROM ctaudit.store AS s WHERE s.gone_at IS NULL)
    THEN
        SELECT array_agg(a.store_id) INTO v_concerned
        FROM ctaudit.ask_stores(jsonb_build_array(jsonb_build_object(
            'name', 'knows', 'each', jsonb_build_array(jsonb_build_object('p_nodes', p_nodes::text))
        ))) AS a
        WHERE a.value = 'true';
    END IF;
    v_waiting := ARRAY(
        SELECT ROW(
            s.store_id, s.name, ctaudit.store_dsn(s),
            CASE WHEN p_is_long THEN s.long_patience ELSE s.patience END, NULL, 0
        )::ctaudit.waiting_store
        FROM ctaudit.store AS s
        WHERE s.gone_at IS NULL AND coalesce(s.store_id = ANY (v_concerned), true) AND NOT EXISTS (
            SELECT FROM pg_temp.ctaudit_kept AS k
            WHERE k.kind = 'unreached' AND k.store_id = s.store_id
        )
        ORDER BY s.store_id
    );
    IF NOT EXISTS (SELECT FROM ctaudit.store AS s WHERE s.gone_at IS NULL) THEN
        RAISE EXCEPTION 'this front has no store to ask' USING ERRCODE = '55000',
            HINT = 'Run ctaudit store add NAME --store DSN.';
    END IF;
    FOREACH v_one IN ARRAY v_waiting LOOP
        v_why := ctaudit.send_call(v_one, v_query);
        IF v_why IS NULL THEN
            v_one.deadline := clock_timestamp() + v_one.patience;
            v_left := v_left || v_one;
        ELSE
            PERFORM ctaudit.note_unreached(v_one.store_id, v_one.name, v_why);
        END IF;
    END LOOP;
    WHILE cardinality(v_left) > 0 LOOP
        v_waiting := v_left;
        v_left := '{}';
        FOREACH v_one IN ARRAY v_waiting LOOP
            IF ctaudit_dblink.dblink_is_busy('ctaudit ' || v_one.store_id) = 1 THEN
                IF clock_timestamp() < v_one.deadline THEN
                    v_left := v_left || v_one;
                ELSE
                    PERFORM ctaudit.hang_up(v_one.store_id);
                    PERFORM ctaudit.note_unreached(v_one.store_id, v_one.name, format(
                        'it did not answer within %s s', extract(epoch FROM v_one.patience)::real
                    ));
                END IF;
                CONTINUE;
            END IF;
            BEGIN
                RETURN QUERY
                SELECT v_one.store_id, v_one.name, r.item, r.place, r.value
                FROM ctaudit.take_rows(v_one.store_id) AS r;
                CONTINUE;
            EXCEPTION WHEN OTHERS OR query_canceled THEN
                GET STACKED DIAGNOSTICS v_why = MESSAGE_TEXT, v_state = RETURNED_SQLSTATE;
            END;
            PERFORM ctaudit.hang_up(v_one.store_id);
            IF v_state = ANY (p_absent) THEN
                store_id := v_one.store_id;
                store := v_one.name;
                value := to_jsonb(v_why);
                RETURN NEXT;
            ELSIF v_state = ANY (c_refused) THEN
                RAISE EXCEPTION USING ERRCODE = v_state, MESSAGE = v_why;
            ELSIF v_one.tries < 3 AND clock_timestamp() < v_one.deadline AND (
                v_state = ANY (c_again) OR v_state ~ '^(08|57P)' OR v_why ~ 'connection'
            ) THEN
                v_one.tries := v_one.tries + 1;
                v_why := ctaudit.send_call(v_one, v_query);
                IF v_why IS NULL THEN
                    v_left := v_left || v_one;
                ELSE
                    PERFORM ctaudit.note_unreached(v_one.store_id, v_one.name, v_why);
                END IF;
            ELSE
                PERFORM ctaudit.note_unreached(v_one.store_id, v_one.name, v_why);
            END IF;
        END LOOP;
        IF cardinality(v_left) = cardinality(v_waiting) THEN
            PERFORM pg_sleep(0.0005);
        END IF;
    END LOOP;
END
$function$;
