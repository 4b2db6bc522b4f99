-- Function: ctaudit.found_connections
-- Parameters: p_call   of ctaudit.gather_who
-- Returns: a row for each of its questions with a connection: how many there are, their hosts and
--   since when one may have been, as ctaudit.completeness_for takes them; the connections, and in
--   which round the last one was found
-- Tables touched: pg_temp.ctaudit_kept (read)
CREATE OR REPLACE FUNCTION ctaudit.found_connections(p_call text)
RETURNS TABLE (
    question integer,
    answers bigint,
    hosts inet[],
    hosts_from timestamptz,
    found jsonb,
    last_round integer
)
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
    WITH each AS (
        SELECT (k.value ->> 'question')::integer AS question, k.store_id, k.value -> 'connection' AS c,
            (k.value ->> 'answers')::bigint AS answers, (k.value ->> 'round')::integer AS round
        FROM pg_temp.ctaudit_kept AS k WHERE k.kind = 'found' AND k.question = p_call
    ),
    counted AS (
        -- A store says with each row how many there are, if it does not return all of them.
        SELECT e.question, sum(greatest(e.answers, e.rows))::bigint AS answers
        FROM (
            SELECT e.question, max(e.answers) AS answers, count(*) AS rows
            FROM each AS e GROUP BY e.question, e.store_id, e.round
        ) AS e GROUP BY e.question
    )
    SELECT
        n.question, n.answers, array_agg(DISTINCT (e.c ->> 'host')::inet),
        min(coalesce(
            (e.c ->> 'started_after')::timestamptz, (e.c ->> 'started_at')::timestamptz,
            -- The client's own earliest time: begin_of of query/path.py.
            '0001-01-01 00:00:02+00'
        )),
        jsonb_agg(e.c), max(e.round)
    FROM counted AS n JOIN each AS e USING (question)
    GROUP BY n.question, n.answers;
$function$;
