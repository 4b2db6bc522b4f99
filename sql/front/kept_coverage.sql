-- Function: ctaudit.kept_coverage
-- What the stores have said of completeness for a question, no more than holds for all that was asked
-- of it in this transaction: connections that came in between two calls are in no answer, though
-- the later call says complete. So a node is complete if it was each time.
-- A gateway that has moved to another store is in both: each answers for its time, if the asked span
-- is on one side of the move.
-- Parameters: p_key   as ctaudit.question_key; p_arguments   as ctaudit.question_arguments
-- Returns: as ctaudit.completeness_for
-- Tables touched: pg_temp.ctaudit_kept (read)
CREATE OR REPLACE FUNCTION ctaudit.kept_coverage(p_key text, p_arguments jsonb)
RETURNS TABLE (
    node text,
    complete boolean,
    why text,
    covered_from timestamptz,
    covered_until timestamptz,
    protocols smallint[],
    in_scope boolean,
    none_why text,
    by_pair text,
    holds inet[]
)
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
    WITH latest AS (
        -- The same question may have been asked twice.
        SELECT DISTINCT ON (k.store_id, c.node) k.store_id, c.*
        FROM pg_temp.ctaudit_kept AS k, LATERAL jsonb_to_record(k.value) AS c (
            node text, complete boolean, why text, covered_from timestamptz,
            covered_until timestamptz, protocols smallint[], in_scope boolean, none_why text,
            by_pair text, holds inet[], first_seen timestamptz, gone_at timestamptz,
            elsewhere tstzmultirange
        )
        WHERE k.kind = 'row' AND k.question = p_key
            AND k.asked_from = (p_arguments ->> 'p_from')::timestamptz
            AND k.asked_until = (p_arguments ->> 'p_until')::timestamptz
    ),
    -- What was said of the same question, or of one that this one includes.
    said AS (
        SELECT k.store_id, k.value, k.arguments, k.arguments ->> 'p_proto' AS proto,
            k.value ->> 'call' AS call
        FROM pg_temp.ctaudit_kept AS k
        WHERE k.kind = 'row' AND k.asked_from = (p_arguments ->> 'p_from')::timestamptz
            AND k.asked_until = (p_arguments ->> 'p_until')::timestamptz
            AND k.arguments @> jsonb_strip_nulls(p_arguments - 'p_proto'::text)
    ),
    judged AS (
        SELECT
            l.*, doubt.value AS doubt,
            scoped.in_scope AS scope_then,
            coalesce(l.gone_at < (p_arguments ->> 'p_from')::timestamptz, false)
                OR l.first_seen >= (p_arguments ->> 'p_until')::timestamptz
                OR coalesce(l.elsewhere @> tstzrange(
                    (p_arguments ->> 'p_from')::timestamptz, (p_arguments ->> 'p_until')::timestamptz
                ), false) AS is_elsewhere
        FROM latest AS l
        LEFT JOIN LATERAL (
            SELECT s.value FROM said AS s
            WHERE s.store_id = l.store_id AND s.value ->> 'node' = l.node
                AND NOT (s.value ->> 'complete')::boolean
                AND CASE
                    WHEN s.proto = p_arguments ->> 'p_proto' OR p_arguments ->> 'p_proto' IS NULL
                        THEN true
                    -- Of each protocol that has no row of its own.
                    WHEN s.proto = '-1' THEN NOT EXISTS (
                        SELECT FROM said AS o
                        WHERE o.store_id = s.store_id AND o.value ->> 'node' = l.node
                            AND o.call = s.call AND o.proto = p_arguments ->> 'p_proto'
                    )
                    -- Of all, unless some have rows of their own.
                    WHEN s.proto IS NULL THEN s.value -> 'protocols' = '[]'
                    ELSE false
                END
            LIMIT 1
        ) AS doubt ON true
        CROSS JOIN LATERAL (
            SELECT CASE
                WHEN bool_and((s.value ->> 'in_scope')::boolean IS FALSE) THEN false
                WHEN bool_or((s.value ->> 'in_scope')::boolean) THEN true
            END AS in_scope
            FROM said AS s
            WHERE s.store_id = l.store_id AND s.value ->> 'node' = l.node
                AND s.arguments ->> 'p_address' = p_arguments ->> 'p_address'
        ) AS scoped
    )
    SELECT
        j.node, j.complete AND j.doubt IS NULL,
        CASE WHEN j.complete AND j.doubt IS NOT NULL THEN j.doubt ->> 'why' ELSE j.why END,
        j.covered_from, j.covered_until,
        CASE WHEN j.complete AND j.doubt IS NOT NULL
            THEN ARRAY(SELECT p::smallint FROM jsonb_array_elements_text(j.doubt -> 'protocols') AS p)
            ELSE j.protocols END,
        CASE WHEN j.in_scope IS FALSE THEN j.scope_then ELSE j.in_scope END,
        j.none_why, CASE WHEN j.doubt IS NULL THEN j.by_pair END, j.holds
    FROM judged AS j
    WHERE NOT j.is_elsewhere OR NOT EXISTS (
        SELECT FROM judged AS other
        WHERE other.node = j.node AND other.store_id <> j.store_id AND NOT other.is_elsewhere
    )
    ORDER BY j.node;
$function$;
