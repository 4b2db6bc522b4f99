-- Function: ctaudit.covered_by_pair
-- Whether the record of a gateway's declared pair stands for its own over a span of which its own
-- is not complete. That holds from the end of the dump that showed the gateway's connections
-- (ctaudit.prove_pair) until the gateway is covered again; the pair's record must be complete for
-- that part of the span, and the gateway's own for the rest.
-- Parameters: p_node   NULL: nothing is asked; p_from, p_until, p_proto   as ctaudit.completeness
-- Returns: one row.
--   by_pair     one sentence: it does; NULL: it does not
--   protocols   with p_proto NULL, where the dump showed connections of some protocols only:
--               these
-- Tables touched: pair_proof, coverage, and those of ctaudit.completeness (read)
CREATE OR REPLACE FUNCTION ctaudit.covered_by_pair(
    p_node text,
    p_from timestamptz,
    p_until timestamptz,
    p_proto smallint DEFAULT NULL,
    OUT by_pair text,
    OUT protocols smallint[]
)
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
SET DateStyle = 'ISO, YMD'
AS $function$
DECLARE
    v_proof record;
    v_pair_until timestamptz;
BEGIN
    IF p_node IS NULL THEN
        RETURN;
    END IF;
    SELECT p.*, own.covered_from AS back_at, is_proved.of_proto INTO v_proof
    FROM ctaudit.pair_proof AS p
    CROSS JOIN LATERAL (
        -- Where the gateway's batches came late, its own record may reach up to the dump.
        SELECT coalesce(min(c.covered_from), 'infinity') AS covered_from
        FROM ctaudit.coverage AS c
        WHERE c.node = p.node AND c.covered_until > p.dump_began_at - interval '1 s'
    ) AS own
    CROSS JOIN LATERAL (
        SELECT p.protocols IS NULL OR coalesce(p_proto = ANY (p.protocols), false) AS of_proto
    ) AS is_proved
    WHERE p.node = p_node AND p.proved_from <= p_from AND own.covered_from > p_from
        AND coalesce(p.proved_until, 'infinity') >= least(p_until, own.covered_from)
    ORDER BY is_proved.of_proto DESC, p.proved_from LIMIT 1;
    IF NOT FOUND THEN
        RETURN;
    ELSIF NOT v_proof.of_proto THEN
        protocols := CASE WHEN p_proto IS NULL THEN v_proof.protocols END;
        RETURN;
    END IF;
    v_pair_until := least(p_until, v_proof.back_at);
    IF EXISTS (
        SELECT FROM ctaudit.completeness(v_proof.pair, p_from, v_pair_until, p_proto) AS c
        WHERE c.node = v_proof.pair AND c.complete
    ) AND (v_pair_until = p_until OR EXISTS (
        -- The gap ends where the coverage begins.
        SELECT FROM ctaudit.completeness(
            p_node, v_pair_until + interval '1 us', p_until, p_proto
        ) AS c
        WHERE c.node = p_node AND c.complete
    )) THEN
        by_pair := format(
            '%s: has recorded nothing since %s%s; its pair %s has its connections since the table '
            'dump of %s', p_node, v_proof.silent_since,
            coalesce(' until ' || nullif(v_proof.back_at, 'infinity'), ''), v_proof.pair,
            v_proof.proved_from
        );
    END IF;
END
$function$;
