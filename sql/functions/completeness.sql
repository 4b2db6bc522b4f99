-- Function: ctaudit.completeness
-- Whether the record is complete for a question about the span [p_from, p_until): as
-- ctaudit.completeness_for says, of any port, remote end and zone.
-- Parameters: as ctaudit.completeness_for
-- Returns: one row per node, as ctaudit.completeness_for
-- Tables touched: those of ctaudit.completeness_for (read)
CREATE OR REPLACE FUNCTION ctaudit.completeness(
    p_node text,
    p_from timestamptz,
    p_until timestamptz,
    p_proto smallint DEFAULT NULL,
    p_address inet DEFAULT NULL,
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
AS $function$
    SELECT * FROM ctaudit.completeness_for(
        p_node, p_from, p_until, p_address => p_address, p_proto => p_proto,
        p_hosts => p_hosts, p_hosts_from => p_hosts_from
    );
$function$;
