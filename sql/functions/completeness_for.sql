-- Function: ctaudit.completeness_for
-- Whether the record is complete for a question about the span [p_from, p_until). Coverage
-- decides; that no gap is recorded is not enough. A node is complete in one of two ways:
--   by openings (live): one coverage span of openings and ends holds the asked span, and no
--   gap touches the asked span. Coverage begins with a dump, so the connections that were open
--   before it are known.
--   by ends (live, history): ends are covered from p_from to 65 s after the end of a complete
--   dump that began at p_until or later, and no gap that hides ends touches that time. Each
--   connection that was alive in the asked span has ended since or is in that dump. The kernel
--   leaves an expired entry out of a dump and sends its DESTROY up to a minute later.
-- In nat mode no end is recorded, so a node is never complete.
-- What the node's filter rules exclude was not recorded (ctaudit.excluded): where a connection that
-- the question is for may be such a one, the record is not complete.
-- Where all nodes are asked for, the record of a declared pair may stand for that of a node
-- (ctaudit.covered_by_pair).
-- Parameters:
--   p_node            its name, or one that it had; NULL: each node that existed at some time
--                     of the span, but for imported ones, of which nothing is ever complete
--   p_from, p_until   the asked span
--   p_address, p_port, p_remote, p_remote_port, p_zone   as those of ctaudit.who; NULL: any.
--                     Without p_address there is neither in_scope nor none_why
--   p_proto           whether the connections of that protocol are complete: gaps and rules of
--                     another one do not count; NULL: of all protocols; -1: of those that have no
--                     gap and no rule of their own
--   p_hosts, p_hosts_from   hosts that were found, and since when they may have been: for holds.
--                     A node that holds one is judged as well, also if p_node is another one or
--                     it is gone since
-- Returns: one row per node. why: one sentence, NULL where the record is complete.
--   covered_from, covered_until: the coverage span that began last by p_from, or the first one
--   after. protocols: with p_proto NULL, those that have gaps or rules of their own there, or of
--   which alone a pair's record counts, so that the record of some may be complete; else empty.
--   in_scope: false: at no time of the span was p_address an address of the node, so that it
--   does not concern the question; true: it was; NULL: not known. none_why: one sentence, why
--   none may not be said where nothing is found, though the record is complete; else NULL.
--   by_pair: one sentence, where the record is complete because that of the node's pair counts.
--   holds: those of p_hosts that were in the node's public addresses at some time of
--   [p_hosts_from, p_until).
--   No row: the node is not known, or no node existed then.
-- Tables touched: node, node_change, stream, coverage, gap, dump, clock_doubt, note, scope,
--   pair_proof (read)
CREATE OR REPLACE FUNCTION ctaudit.completeness_for(
    p_node text,
    p_from timestamptz,
    p_until timestamptz,
    p_address inet DEFAULT NULL,
    p_port integer DEFAULT NULL,
    p_remote inet DEFAULT NULL,
    p_remote_port integer DEFAULT NULL,
    p_proto smallint DEFAULT NULL,
    p_zone integer DEFAULT NULL,
    p_hosts inet[] DEFAULT '{}',
    p_hosts_from timestamptz DEFAULT NULL
)
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
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET DateStyle = 'ISO, YMD'
AS $function$
    WITH asked AS (
        SELECT n.node, n.first_seen, stream_then.mode, i.imported_from
        FROM ctaudit.node AS n
        LEFT JOIN ctaudit.import AS i ON i.node = n.node
        LEFT JOIN LATERAL (
            SELECT s.mode FROM ctaudit.stream AS s WHERE s.node = n.node
            ORDER BY s.started_at <= p_from DESC,
                CASE WHEN s.started_at <= p_from THEN s.started_at END DESC, s.started_at
            LIMIT 1
        ) AS stream_then ON true
        WHERE n.node = ANY (ctaudit.nodes_named(p_node)) OR (
            p_node IS NULL AND i.node IS NULL AND n.first_seen < p_until
            AND coalesce(ctaudit.gone_at(n) >= p_from, true)
        ) OR (
            p_hosts <> '{}'
            AND coalesce(ctaudit.gone_at(n) >= coalesce(p_hosts_from, p_from), true)
            AND ctaudit.held_by(n.node, coalesce(p_hosts_from, p_from), p_until, p_hosts) <> '{}'
        )
    ),
    covered AS (
        SELECT
            asked.*, whole_span.covered_until IS NOT NULL AS by_openings,
            later_dump.told_at AS later_dump_told_at,
            nearest.covered_from, nearest.covered_until, nearest.openings,
            earliest.covered_from AS first_covered_from
        FROM asked
        LEFT JOIN LATERAL (
            SELECT c.covered_until FROM ctaudit.coverage AS c
            WHERE c.node = asked.node AND c.openings AND c.ends
                AND c.covered_from <= p_from AND c.covered_until >= p_until
            LIMIT 1
        ) AS whole_span ON true
        LEFT JOIN LATERAL (
            SELECT d.ended_at + interval '65 s' AS told_at FROM ctaudit.dump AS d
            WHERE d.node = asked.node AND d.began_at >= p_until AND d.ended_at >= p_until
                AND EXISTS (
                    SELECT FROM ctaudit.coverage AS c
                    WHERE c.node = asked.node AND c.ends
                        AND c.covered_from <= p_from AND c.covered_until >= d.ended_at
                )
                -- Coverage of openings may begin with this dump.
                AND EXISTS (
                    SELECT FROM ctaudit.coverage AS c
                    WHERE c.node = asked.node AND c.ends AND c.covered_from <= d.ended_at
                        AND c.covered_until >= d.ended_at + interval '65 s'
                )
            ORDER BY d.ended_at LIMIT 1
        ) AS later_dump ON true
        LEFT JOIN LATERAL (
            SELECT c.covered_from, c.covered_until, c.openings FROM ctaudit.coverage AS c
            WHERE c.node = asked.node
            ORDER BY
                c.covered_from <= p_from DESC,
                CASE WHEN c.covered_from <= p_from THEN c.covered_from END DESC, c.covered_from
            LIMIT 1
        ) AS nearest ON true
        LEFT JOIN LATERAL (
            SELECT min(c.covered_from) AS covered_from FROM ctaudit.coverage AS c
            WHERE c.node = asked.node
        ) AS earliest ON true
    ),
    -- The first gap that touches the asked span, and the first that hides ends up to the dump.
    gapped AS (
        SELECT
            covered.*, touching.gap AS touching_gap, hiding.gap AS hiding_gap,
            coalesce(single.protocols, '{}') AS protocols
        FROM covered
        LEFT JOIN LATERAL (
            SELECT ctaudit.format_gap(g) AS gap FROM ctaudit.gap AS g
            WHERE g.node = covered.node AND g.gap_from < p_until
                AND coalesce(g.gap_until, 'infinity') >= p_from
                AND (p_proto IS NULL OR g.proto IS NULL OR g.proto = p_proto)
            ORDER BY g.gap_from, g.gap_id LIMIT 1
        ) AS touching ON true
        LEFT JOIN LATERAL (
            SELECT ctaudit.format_gap(g) AS gap FROM ctaudit.gap AS g
            WHERE g.node = covered.node AND g.hides_ends
                AND g.gap_from <= coalesce(covered.later_dump_told_at, 'infinity')
                AND coalesce(g.gap_until, 'infinity') >= p_from
                AND (p_proto IS NULL OR g.proto IS NULL OR g.proto = p_proto)
            ORDER BY g.gap_from, g.gap_id LIMIT 1
        ) AS hiding ON true
        LEFT JOIN LATERAL (
            SELECT array_agg(DISTINCT g.proto) AS protocols FROM ctaudit.gap AS g
            WHERE g.node = covered.node AND p_proto IS NULL AND g.proto IS NOT NULL
                AND g.gap_from < p_until AND coalesce(g.gap_until, 'infinity') >= p_from
        ) AS single ON true
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
                WHEN p_from < gapped.first_seen THEN format(
                    'before the first record, which begins at %s', gapped.first_seen)
                WHEN gapped.touching_gap IS NOT NULL THEN gapped.touching_gap
                WHEN gapped.covered_from IS NULL THEN 'nothing is covered yet'
                WHEN p_from < gapped.first_covered_from
                    AND gapped.first_seen < gapped.first_covered_from
                    AND retention.has_trimmed THEN format(
                    'past retention: the record is kept from %s', gapped.first_covered_from)
                WHEN p_from < gapped.first_covered_from THEN format(
                    'before the first coverage, which begins at %s', gapped.first_covered_from)
                WHEN gapped.covered_until < p_until AND next_coverage.covered_from IS NULL
                    THEN format('not yet recorded: covered until %s', gapped.covered_until)
                WHEN gapped.covered_until < p_until THEN format(
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
            WHERE k.node = gapped.node AND k.doubt_from < p_until AND k.doubt_until >= p_from
            ORDER BY k.at LIMIT 1
        ) AS clock_step ON true
        LEFT JOIN LATERAL (
            SELECT min(c.covered_from) AS covered_from FROM ctaudit.coverage AS c
            WHERE c.node = gapped.node AND c.covered_from > gapped.covered_until
        ) AS next_coverage ON true
        LEFT JOIN LATERAL (
            -- Retention deletes notes together with the coverage of their time.
            SELECT NOT EXISTS (
                SELECT FROM ctaudit.note AS start_note
                WHERE start_note.node = gapped.node AND start_note.note = 'start'
                    AND start_note.at <= gapped.first_seen
            ) AS has_trimmed
        ) AS retention ON true
    ),
    -- Of a node that holds a host it is not known which connection of it is asked for.
    ruled AS (
        SELECT
            judged.*, scoped.in_scope, scoped.none_why, coalesce(scoped.holds, '{}') AS holds,
            excluded.why AS rule, coalesce(excluded.protocols, '{}') AS ruled_protocols
        FROM judged
        LEFT JOIN LATERAL ctaudit.judge_scope(
            judged.node, p_from, p_until, p_address, p_hosts, p_hosts_from
        ) AS scoped ON p_address IS NOT NULL
        CROSS JOIN LATERAL (SELECT coalesce(scoped.holds, '{}') = '{}' AS as_asked) AS known
        CROSS JOIN LATERAL ctaudit.excluded(
            judged.node, p_from, p_until,
            CASE WHEN known.as_asked THEN p_address END, CASE WHEN known.as_asked THEN p_port END,
            CASE WHEN known.as_asked THEN p_remote END,
            CASE WHEN known.as_asked THEN p_remote_port END, p_proto,
            CASE WHEN known.as_asked THEN p_zone END
        ) AS excluded
    ),
    reasoned AS (
        SELECT ruled.*, coalesce(
            ruled.why || coalesce(', and ' || ruled.rule, ''), ruled.rule
        ) AS reason
        FROM ruled
    )
    SELECT
        reasoned.node, reasoned.reason IS NULL OR paired.by_pair IS NOT NULL,
        CASE WHEN reasoned.reason IS NOT NULL AND paired.by_pair IS NULL THEN
            reasoned.node || ': ' || reasoned.reason || ctaudit.silence(reasoned.node, p_until) END,
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
        CASE WHEN p_node IS NULL AND reasoned.why IS NOT NULL AND reasoned.rule IS NULL
            THEN reasoned.node END,
        p_from, p_until, p_proto
    ) AS paired
    ORDER BY reasoned.node;
$function$;
