-- Function: ctaudit.keep_imports
-- Keeps for this transaction which imports were asked as well, for ctaudit.imports.
-- Parameters: p_call   of which rows "import" are kept; p_questions   as of ctaudit.gather_who
-- Returns: nothing
-- Tables touched: pg_temp.ctaudit_kept
CREATE OR REPLACE FUNCTION ctaudit.keep_imports(p_call text, p_questions jsonb)
RETURNS void
LANGUAGE sql
VOLATILE
SET search_path = pg_catalog, pg_temp
AS $function$
    WITH heard AS (
        DELETE FROM pg_temp.ctaudit_kept AS k WHERE k.kind = 'import' AND k.question = p_call
        RETURNING k.store_id, (k.value ->> 'place')::integer AS place, k.value -> 'row' AS value
    ),
    asked AS (
        SELECT (q.nth - 1)::integer AS place, q.each ->> 'p_node' AS node,
            (q.each ->> 'p_from')::timestamptz AS asked_from,
            (q.each ->> 'p_until')::timestamptz AS asked_until
        FROM jsonb_array_elements(ctaudit.imports_call(p_questions))
            WITH ORDINALITY AS q (each, nth)
    )
    INSERT INTO pg_temp.ctaudit_kept (
        kind, question, asked_from, asked_until, store_id, value
    )
    SELECT 'imports asked', a.node, a.asked_from, a.asked_until, NULL, NULL FROM asked AS a
    UNION ALL
    SELECT 'imports', a.node, a.asked_from, a.asked_until, h.store_id, h.value
    FROM heard AS h JOIN asked AS a USING (place);
$function$;
