-- Function: ctaudit.nodes
-- The gateways: those that have recorded, and those that have a login to record.
-- Parameters: none
-- Returns: one row per gateway, by name.
--   first_seen       NULL: it has recorded nothing yet
--   retired_at       since when it is gone; NULL: it is not
--   last_at          the last that it recorded, and the last sign of it by its own clock
--   committed_at     when its last batch was committed, by the clock of the server
--   stopped          no stream of it goes on
--   former_names     those that it had and has not, the latest first
--   retire_command   what to run if it is gone; NULL where it is retired, or recorded in the last
--                    ten minutes
--   logins           those that record as it, by name
--   imported_from    the program that had recorded what it has; NULL: it records itself
-- Tables touched: node, stream, node_change, node_login, import (read)
CREATE OR REPLACE FUNCTION ctaudit.nodes()
RETURNS TABLE (
    node text,
    mode text,
    first_seen timestamptz,
    last_at timestamptz,
    committed_at timestamptz,
    stopped boolean,
    retired_at timestamptz,
    former_names text[],
    retire_command text,
    imported_from text,
    logins text[]
)
LANGUAGE sql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT
        k.node, l.mode, coalesce(least(i.openings_from, i.ends_from), n.first_seen),
        coalesce(l.last_at, greatest(i.openings_until, i.ends_until)), l.committed_at, l.stopped,
        g.gone_at,
        coalesce((
            SELECT array_agg(f.former_name ORDER BY f.latest DESC) FROM (
                SELECT c.former_name, max(c.node_change_id) AS latest
                FROM ctaudit.node_change AS c
                WHERE c.node_id = n.node_id AND c.former_name <> n.node
                GROUP BY c.former_name
            ) AS f
        ), '{}'),
        CASE WHEN g.gone_at IS NULL AND l.committed_at <= clock_timestamp() - interval '10 min'
            THEN ctaudit.retire_command(n.node, l.last_at) END,
        i.imported_from,
        ARRAY(
            SELECT l.login FROM ctaudit.node_login AS l WHERE l.node = k.node ORDER BY l.login
        )
    FROM (
        SELECT m.node FROM ctaudit.node AS m UNION SELECT l.node FROM ctaudit.node_login AS l
    ) AS k
    LEFT JOIN ctaudit.node AS n ON n.node = k.node
    LEFT JOIN ctaudit.import AS i ON i.node = n.node
    CROSS JOIN LATERAL (SELECT ctaudit.gone_at(n) AS gone_at) AS g
    CROSS JOIN LATERAL (
        SELECT
            (array_agg(s.mode ORDER BY s.started_at DESC))[1] AS mode,
            max(greatest(s.started_at, s.covered_until, s.stopped_at)) AS last_at,
            max(s.committed_at) AS committed_at,
            bool_and(s.stopped_at IS NOT NULL) AS stopped
        FROM ctaudit.stream AS s WHERE s.node = n.node
    ) AS l
    ORDER BY k.node;
$function$;
