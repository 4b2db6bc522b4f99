-- Function: ctaudit.completeness_each
-- ctaudit.completeness_for of many questions at once: planned once, and of each question only what
-- decides it is looked at.
-- Parameters: equally long; each an array of what the parameter of ctaudit.completeness_for is
--   p_nodes, p_from, p_until, p_addresses, p_ports, p_remotes, p_remote_ports, p_protos, p_zones,
--   p_hosts_from
--   p_hosts   each an inet[] as text
-- Returns: question, its place from 1, with the columns of ctaudit.completeness_for; by question and node
-- Tables touched: those of ctaudit.completeness_for (read)
CREATE OR REPLACE FUNCTION ctaudit.completeness_each(
    p_nodes text[],
    p_from timestamptz[],
    p_until timestamptz[],
    p_addresses inet[],
    p_ports integer[],
    p_remotes inet[],
    p_remote_ports integer[],
    p_protos smallint[],
    p_zones integer[],
    p_hosts text[],
    p_hosts_from timestamptz[]
)
RETURNS TABLE (
    question integer,
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
LANGUAGE plpgsql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET DateStyle = 'ISO, YMD'
SET plan_cache_mode = force_generic_plan
SET jit = off
AS $function$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH asked AS (
        SELECT q.*, n.node, n.first_seen, stream_then.mode, i.imported_from
        FROM (
            SELECT
                u.question::integer AS question, u.asked_node, u.asked_from, u.asked_until,
                u.address, u.port, u.remote, u.remote_port, u.proto, u.zone,
                coalesce(u.hosts, '{}')::inet[] AS hosts,
                coalesce(u.hosts_from, u.asked_from) AS held_from, u.hosts_from,
                ctaudit.nodes_named(u.asked_node) AS named
            FROM unnest(
                p_nodes, p_from, p_until, p_addresses, p_ports, p_remotes, p_remote_ports, p_protos,
                p_zones, p_hosts, p_hosts_from
            ) WITH ORDINALITY AS u (
                asked_node, asked_from, asked_until, address, port, remote, remote_port, proto,
                zone, hosts, hosts_from, question
            )
            OFFSET 0
        ) AS q
        CROSS JOIN ctaudit.node AS n
        LEFT JOIN ctaudit.import AS i ON i.node = n.node
        LEFT JOIN LATERAL (
            SELECT s.mode FROM ctaudit.stream AS s WHERE s.node = n.node
            ORDER BY s.started_at <= q.asked_from DESC,
                CASE WHEN s.started_at <= q.asked_from THEN s.started_at END DESC, s.started_at
            LIMIT 1
        ) AS stream_then ON true
        WHERE n.node = ANY (q.named) OR (
            q.asked_node IS NULL AND i.node IS NULL AND n.first_seen < q.asked_until
            AND coalesce(ctaudit.left_at(n) >= q.asked_from, true)
        ) OR (
            q.hosts <> '{}' AND coalesce(ctaudit.left_at(n) >= q.held_from, true)
            AND ctaudit.held_by(n.node, q.held_from, q.asked_until, q.hosts) <> '{}'
        )
    ),
    covered AS (
        SELECT
            asked.*, whole_span.covered_until IS NOT NULL AS by_openings,
            nearest.covered_from, nearest.covered_until, nearest.openings,
            touching.gap AS touching_gap, coalesce(single.protocols, '{}') AS protocols,
            -- As nearly always: then nothing else of the node's coverage is looked at.
            whole_span.covered_until IS NOT NULL AND touching.gap IS NULL AS is_whole
        FROM asked
        LEFT JOIN LATERAL (
            SELECT c.covered_until FROM ctaudit.coverage AS c
            WHERE c.node = asked.node AND c.openings AND c.ends
                AND c.covered_from <= asked.asked_from AND c.covered_until >= asked.asked_until
            LIMIT 1
        ) AS whole_span ON true
        LEFT JOIN LATERAL (
            SELECT c.covered_from, c.covered_until, c.openings FROM ctaudit.coverage AS c
            WHERE c.node = asked.node
            ORDER BY
                c.covered_from <= asked.asked_from DESC,
                CASE WHEN c.covered_from <= asked.asked_from THEN c.covered_from END DESC,
                c.covered_from
            LIMIT 1
        ) AS nearest ON true
        -- The first gap that touches the asked span.
        LEFT JOIN LATERAL (
            SELECT ctaudit.format_gap(g) AS gap FROM ctaudit.gap AS g
            WHERE g.node = asked.node AND g.gap_from < asked.asked_until
                AND coalesce(g.gap_until, 'infinity') >= asked.asked_from
                AND (asked.proto IS NULL OR g.proto IS NULL OR g.proto = asked.proto)
            ORDER BY g.gap_from, g.gap_id LIMIT 1
        ) AS touching ON true
        LEFT JOIN LATERAL (
            SELECT array_agg(DISTINCT g.proto) AS protocols FROM ctaudit.gap AS g
            WHERE g.node = asked.node AND asked.proto IS NULL AND g.proto IS NOT NULL
                AND g.gap_from < asked.asked_until
                AND coalesce(g.gap_until, 'infinity') >= asked.asked_from
        ) AS single ON true
    ),
    gapped AS (
        SELECT
            covered.*, later_dump.told_at AS later_dump_told_at, hiding.gap AS hiding_gap,
            earliest.covered_from AS first_covered_from
        FROM covered
        LEFT JOIN LATERAL (
            SELECT d.ended_at + interval '65 s' AS told_at FROM ctaudit.dump AS d
            WHERE NOT covered.is_whole AND d.node = covered.node
                AND d.began_at >= covered.asked_until AND d.ended_at >= covered.asked_until
                AND EXISTS (
                    SELECT FROM ctaudit.coverage AS c
                    WHERE c.node = covered.node AND c.ends
                        AND c.covered_from <= covered.asked_from AND c.covered_until >= d.ended_at
                )
                -- Coverage of openings may begin with this dump.
                AND EXISTS (
                    SELECT FROM ctaudit.coverage AS c
                    WHERE c.node = covered.node AND c.ends AND c.covered_from <= d.ended_at
                        AND c.covered_until >= d.ended_at + interval '65 s'
                )
            ORDER BY d.ended_at LIMIT 1
        ) AS later_dump ON true
        -- The first gap that hides ends up to that dump.
        LEFT JOIN LATERAL (
            SELECT ctaudit.format_gap(g) AS gap FROM ctaudit.gap AS g
            WHERE NOT covered.is_whole AND g.node = covered.node AND g.hides_ends
                AND g.gap_from <= coalesce(later_dump.told_at, 'infinity')
                AND coalesce(g.gap_until, 'infinity') >= covered.asked_from
                AND (covered.proto IS NULL OR g.proto IS NULL OR g.proto = covered.proto)
            ORDER BY g.gap_from, g.gap_id LIMIT 1
        ) AS hiding ON true
        LEFT JOIN LATERAL (
            SELECT min(c.covered_from) AS covered_from FROM ctaudit.coverage AS c
            WHERE NOT covered.is_whole AND c.node = covered.node
        ) AS earliest ON true
    ),
    judged AS (
        SELECT
            gapped.*,
            CASE
                WHEN gapped.imported_from IS NOT NULL
                    THEN format('imported from %s, not judged', gapped.imported_from)
                WHEN gapped.mode = 'nat' THEN 'nat mode does not record when connections end, and only openings '
                        'of the 7 days before are looked at'
                    || coalesce(', and an opening may be missing: ' || gapped.touching_gap, '')
                WHEN clock_step.step_seconds IS NOT NULL THEN format(
                    'the clock was stepped by %s s at %s',
                    round(clock_step.step_seconds::numeric, 3), clock_step.at)
                WHEN gapped.by_openings AND gapped.touching_gap IS NULL THEN NULL
                WHEN gapped.later_dump_told_at IS NOT NULL AND gapped.hiding_gap IS NULL THEN NULL
                WHEN gapped.asked_from < gapped.first_seen THEN format(
                    'before the first record, which begins at %s', gapped.first_seen)
                WHEN gapped.touching_gap IS NOT NULL THEN gapped.touching_gap
                WHEN gapped.covered_from IS NULL THEN 'nothing is covered yet'
                WHEN gapped.asked_from < gapped.first_covered_from
                    AND gapped.first_seen < gapped.first_covered_from
                    -- Retention deletes notes together with the coverage of their time.
                    AND NOT EXISTS (
                        SELECT FROM ctaudit.note AS t
                        WHERE t.node = gapped.node AND t.note = 'start' AND t.at <= gapped.first_seen
                    ) THEN format(
                    'past retention: the record is kept from %s', gapped.first_covered_from)
                WHEN gapped.asked_from < gapped.first_covered_from THEN format(
                    'before the first coverage, which begins at %s', gapped.first_covered_from)
                WHEN gapped.covered_until < gapped.asked_until AND next_coverage.covered_from IS NULL
                    THEN format('not yet recorded: covered until %s', gapped.covered_until)
                WHEN gapped.covered_until < gapped.asked_until THEN format(
                    'not covered from %s until %s',
                    gapped.covered_until, next_coverage.covered_from)
                WHEN gapped.mode = 'history' OR NOT gapped.openings THEN coalesce(
                    gapped.hiding_gap,
                    'connections alive then may not have ended yet, and no later table dump '
                    'shows them')
                ELSE 'not covered'
            END AS why
        FROM gapped
        LEFT JOIN LATERAL (
            SELECT k.at, k.step_seconds FROM ctaudit.clock_doubt AS k
            WHERE k.node = gapped.node AND k.doubt_from < gapped.asked_until
                AND k.doubt_until >= gapped.asked_from
            ORDER BY k.at LIMIT 1
        ) AS clock_step ON true
        LEFT JOIN LATERAL (
            SELECT min(c.covered_from) AS covered_from FROM ctaudit.coverage AS c
            WHERE NOT gapped.is_whole AND c.node = gapped.node
                AND c.covered_from > gapped.covered_until
        ) AS next_coverage ON true
    ),
    -- Of a node that holds a host it is not known which connection of it is asked for.
    ruled AS (
        SELECT
            judged.*, scoped.in_scope, scoped.none_why, coalesce(scoped.holds, '{}') AS holds,
            excluded.why AS rule, coalesce(excluded.protocols, '{}') AS ruled_protocols
        FROM judged
        LEFT JOIN LATERAL ctaudit.judge_scope(
            judged.node, judged.asked_from, judged.asked_until, judged.address, judged.hosts,
            judged.hosts_from
        ) AS scoped ON judged.address IS NOT NULL
        CROSS JOIN LATERAL (SELECT coalesce(scoped.holds, '{}') = '{}' AS as_asked) AS known
        CROSS JOIN LATERAL ctaudit.excluded(
            judged.node, judged.asked_from, judged.asked_until,
            CASE WHEN known.as_asked THEN judged.address END,
            CASE WHEN known.as_asked THEN judged.port END,
            CASE WHEN known.as_asked THEN judged.remote END,
            CASE WHEN known.as_asked THEN judged.remote_port END, judged.proto,
            CASE WHEN known.as_asked THEN judged.zone END
        ) AS excluded
    ),
    reasoned AS (
        SELECT ruled.*, coalesce(
            ruled.why || coalesce(', and ' || ruled.rule, ''), ruled.rule
        ) AS reason
        FROM ruled
    )
    SELECT
        reasoned.question, reasoned.node, reasoned.reason IS NULL OR paired.by_pair IS NOT NULL,
        CASE WHEN reasoned.reason IS NOT NULL AND paired.by_pair IS NULL THEN
            reasoned.node || ': ' || reasoned.reason
                || ctaudit.silence(reasoned.node, reasoned.asked_until) END,
        reasoned.covered_from, reasoned.covered_until,
        CASE WHEN reasoned.reason IS NULL OR paired.by_pair IS NOT NULL THEN '{}'
            ELSE ARRAY(
                SELECT DISTINCT p FROM unnest(
                    reasoned.protocols || reasoned.ruled_protocols
                    || coalesce(paired.protocols, '{}')
                ) AS p ORDER BY p
            ) END,
        reasoned.in_scope, reasoned.node || ': ' || reasoned.none_why, paired.by_pair,
        reasoned.holds
    FROM reasoned
    CROSS JOIN LATERAL ctaudit.covered_by_pair(
        -- What its own rules exclude was not recorded, whatever its pair has.
        CASE WHEN reasoned.asked_node IS NULL AND reasoned.why IS NOT NULL AND reasoned.rule IS NULL
            THEN reasoned.node END,
        reasoned.asked_from, reasoned.asked_until, reasoned.proto
    ) AS paired
    ORDER BY reasoned.question, reasoned.node;
END
$function$;
