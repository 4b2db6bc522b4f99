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
LANGUAGE plpgsql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET DateStyle = 'ISO, YMD'
AS $function$
BEGIN
    RETURN QUERY SELECT
        e.node, e.complete, e.why, e.covered_from, e.covered_until, e.protocols, e.in_scope,
        e.none_why, e.by_pair, e.holds
    FROM ctaudit.completeness_each(
        ARRAY[p_node], ARRAY[p_from], ARRAY[p_until], ARRAY[p_address], ARRAY[p_port],
        ARRAY[p_remote], ARRAY[p_remote_port], ARRAY[p_proto], ARRAY[p_zone], ARRAY[p_hosts::text],
        ARRAY[p_hosts_from]
    ) AS e;
END
$function$;
