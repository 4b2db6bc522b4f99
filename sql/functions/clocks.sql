-- Function: ctaudit.clocks
-- What is known of the clocks of gateways at a time.
-- Parameters:
--   p_nodes           their names, or names that they had
--   p_from, p_until   the asked span
-- Returns: one row per node, by name.
--   noted_at           when the state of the clock was last noted by p_from, by that clock; NULL:
--                      never
--   synchronised, estimated_error_us, maximum_error_us   what the kernel said of it then
--                      (adjtimex(2)); NULL: not known
--   stepped_at, step_seconds   the first step for which times of the span prove nothing, as
--                      ctaudit.completeness_for finds it; NULL: there is none
--   doubt_from, doubt_until    the times that prove nothing for that step
-- Tables touched: node, node_change, clock, clock_doubt (read)
CREATE OR REPLACE FUNCTION ctaudit.clocks(
    p_nodes text[],
    p_from timestamptz,
    p_until timestamptz
)
RETURNS TABLE (
    node text,
    noted_at timestamptz,
    synchronised boolean,
    estimated_error_us bigint,
    maximum_error_us bigint,
    stepped_at timestamptz,
    step_seconds double precision,
    doubt_from timestamptz,
    doubt_until timestamptz
)
LANGUAGE sql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT
        n.node, noted.at, noted.synchronised, noted.estimated_error_us, noted.maximum_error_us,
        doubt.at, doubt.step_seconds, doubt.doubt_from, doubt.doubt_until
    FROM ctaudit.node AS n
    LEFT JOIN LATERAL (
        SELECT
            k.at, k.synchronised, k.estimated_error_us,
            (k.detail ->> 'maximum_error_us')::bigint AS maximum_error_us
        FROM ctaudit.clock AS k
        WHERE k.node = n.node AND k.at <= p_from
        ORDER BY k.at DESC, k.clock_id DESC LIMIT 1
    ) AS noted ON true
    LEFT JOIN LATERAL (
        SELECT d.at, d.step_seconds, d.doubt_from, d.doubt_until FROM ctaudit.clock_doubt AS d
        WHERE d.node = n.node AND d.doubt_from < p_until AND d.doubt_until >= p_from
        ORDER BY d.at LIMIT 1
    ) AS doubt ON true
    WHERE n.node IN (
        SELECT named FROM unnest(p_nodes) AS p (name), unnest(ctaudit.nodes_named(p.name)) AS named
    )
    ORDER BY n.node;
$function$;
