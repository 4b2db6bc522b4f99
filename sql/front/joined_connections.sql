-- Function: ctaudit.joined_connections
-- The answers of a call of ctaudit.gather_who. A gateway that has moved to another store may have
-- the begin of a connection in one and its end in the other: they are one connection.
-- Parameters: p_call; p_limit   of each question at most so many, the latest; NULL: all
-- Returns: as ctaudit.gather_who
-- Tables touched: pg_temp.ctaudit_kept (read)
CREATE OR REPLACE FUNCTION ctaudit.joined_connections(p_call text, p_limit integer)
RETURNS TABLE (
    question integer,
    answers bigint,
    hosts inet[],
    connection ctaudit.connection,
    holder jsonb
)
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
    WITH each AS MATERIALIZED (
        SELECT
            (k.value ->> 'question')::integer AS question, k.store_id,
            jsonb_populate_record(NULL::ctaudit.connection, k.value -> 'connection') AS c,
            nullif(k.value -> 'holder', 'null') AS holder,
            coalesce((k.value ->> 'is_past')::boolean, false) AS is_past,
            ARRAY(SELECT h::inet FROM jsonb_array_elements_text(
                CASE jsonb_typeof(k.value -> 'hosts') WHEN 'array' THEN k.value -> 'hosts'
                    ELSE '[]' END
            ) AS h) AS hosts
        FROM pg_temp.ctaudit_kept AS k WHERE k.kind = 'found' AND k.question = p_call
    ),
    -- One of a node in another store that continues it stands for both.
    joined AS (
        SELECT
            e.question, e.holder,
            ctaudit.join_connections(e.c, ARRAY(
                SELECT o.c FROM each AS o
                WHERE o.question = e.question AND o.store_id <> e.store_id
                    AND ctaudit.is_continued(o.c, e.c)
            )) AS c
        FROM each AS e
        WHERE NOT e.is_past AND NOT EXISTS (
            SELECT FROM each AS o
            WHERE o.question = e.question AND o.store_id <> e.store_id AND NOT o.is_past
                AND ctaudit.is_continued(e.c, o.c)
                -- Equal in both: the one of the store that was added first stands.
                AND NOT (ctaudit.is_continued(o.c, e.c) AND e.store_id < o.store_id)
        )
    ),
    placed AS (
        SELECT
            j.*, row_number() OVER (
                PARTITION BY j.question ORDER BY (j.c).started_at DESC NULLS LAST
            ) AS nth,
            count(*) OVER (PARTITION BY j.question) AS connections
        FROM joined AS j
    ),
    counted AS (
        SELECT e.question, count(*) AS rows FROM each AS e GROUP BY e.question
    )
    SELECT
        p.question, f.answers - n.rows + p.connections,
        CASE p.nth WHEN 1 THEN ARRAY(
            SELECT DISTINCT h FROM (
                SELECT unnest(f.hosts) UNION ALL
                SELECT unnest(e.hosts) FROM each AS e WHERE e.question = p.question
            ) AS u (h)
        ) END,
        p.c, p.holder
    FROM placed AS p
    JOIN ctaudit.found_connections(p_call) AS f USING (question)
    JOIN counted AS n USING (question)
    WHERE p_limit IS NULL OR p.nth <= p_limit
    ORDER BY p.question, p.nth;
$function$;
