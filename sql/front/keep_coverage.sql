-- Function: ctaudit.keep_coverage
-- Keeps for this transaction what the stores have said of completeness, in the snapshot in which they
-- were asked for connections as well.
-- Parameters: p_call   of which rows "coverage" are kept; p_questions   the arguments that were
--   sent, also with p_hosts and p_hosts_from
-- Returns: nothing
-- Tables touched: pg_temp.ctaudit_kept
CREATE OR REPLACE FUNCTION ctaudit.keep_coverage(p_call text, p_questions jsonb)
RETURNS void
LANGUAGE sql
VOLATILE
SET search_path = pg_catalog, pg_temp
AS $function$
    WITH heard AS (
        DELETE FROM pg_temp.ctaudit_kept AS k WHERE k.kind = 'coverage' AND k.question = p_call
        RETURNING k.store_id, (k.value ->> 'place')::integer AS place, k.value -> 'row' AS value
    ),
    asked AS (
        SELECT
            (q.nth - 1)::integer AS place, q.each - '{p_hosts,p_hosts_from}'::text[] AS arguments,
            (q.each ->> 'p_hosts')::inet[] AS hosts,
            (q.each ->> 'p_hosts_from')::timestamptz AS hosts_from
        FROM jsonb_array_elements(p_questions) WITH ORDINALITY AS q (each, nth)
    ),
    told AS (
        SELECT 'asked' AS kind, a.arguments, a.hosts, a.hosts_from, NULL::smallint AS store_id,
            NULL::jsonb AS value
        FROM asked AS a
        UNION ALL
        SELECT 'row', a.arguments || CASE WHEN h.value ->> 'asked_proto' IS NULL THEN '{}'
                ELSE jsonb_build_object('p_proto', h.value -> 'asked_proto') END,
            a.hosts, a.hosts_from, h.store_id, h.value || jsonb_build_object('call', p_call)
        FROM heard AS h JOIN asked AS a USING (place)
    )
    INSERT INTO pg_temp.ctaudit_kept (
        kind, question, arguments, asked_from, asked_until, store_id, value
    )
    SELECT t.kind, ctaudit.question_key(t.arguments, t.hosts, t.hosts_from), t.arguments,
        (t.arguments ->> 'p_from')::timestamptz, (t.arguments ->> 'p_until')::timestamptz,
        t.store_id, t.value
    FROM told AS t;
$function$;
