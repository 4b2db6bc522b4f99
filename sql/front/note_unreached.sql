-- Function: ctaudit.note_unreached
-- Keeps for this transaction that a store was not reached, and warns of it.
-- Parameters: p_store_id, p_name; p_why   a clause
-- Returns: nothing
-- Tables touched: pg_temp.ctaudit_kept (written)
CREATE OR REPLACE FUNCTION ctaudit.note_unreached(p_store_id smallint, p_name text, p_why text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_sentence CONSTANT text := format('store %s is not reachable: %s', p_name, p_why);
BEGIN
    INSERT INTO pg_temp.ctaudit_kept (kind, store_id, value)
    VALUES ('unreached', p_store_id, to_jsonb(v_sentence));
    RAISE WARNING USING ERRCODE = 'CT008', MESSAGE = v_sentence;
END
$function$;
