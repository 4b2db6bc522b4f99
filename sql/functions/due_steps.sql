-- Function: ctaudit.due_steps
-- What the daily maintenance has to do now, in the order in which it is to be done: days ahead
-- first, so that nothing that waits for a lock keeps them from being made; coverage before
-- rows, so that rows are never dropped of a time that is said to be covered. Each step is a call of
-- its own, committed before the next.
-- Parameters: p_retention_days   days to keep, at least 1; p_days   days to make ahead;
--   p_rows   so many rows of the default partition are moved in one step, about
-- Returns: step and what it is about; the other columns are NULL where the step does not need them.
--   make      ctaudit.make_partition(parent, day, portion_until)
--   trim      ctaudit.trim_before(p_retention_days)
--   drop      ctaudit.drop_partition(parent, day, p_retention_days)
--   delete    ctaudit.delete_old(parent, p_retention_days, p_rows), until it has deleted none
--   reach     ctaudit.find_reach(name), of a node of which it is not known yet
--   sum       ctaudit.sum_day(name, day), of a node: of days that are to be closed, and of eight of
--             which rows came after they were summed (ctaudit.forget_sums)
--   close     ctaudit.begin_copy(parent, day), copy_partition and exchange_partition, of the last
--             eight days that are settled and not closed
--   freeze    ctaudit.set_freezing(parent, day), of days that are not being closed
--   keep      nothing to do: rows (parent: of the default partition, with the time of a wrong
--             clock or held) or partitions (parent NULL, name: held for that case) stay
-- Errors: 55P03 a lock was not granted within two seconds; call again
-- Tables touched: <parent>_default, node, import, dump, stream, hold, hold_lift, closed_partition,
--   summed_day, and those of ctaudit.held and ctaudit.is_settled (read)
CREATE OR REPLACE FUNCTION ctaudit.due_steps(
    p_retention_days integer,
    p_days integer DEFAULT 7,
    p_rows bigint DEFAULT 500000
)
RETURNS TABLE (
    step text,
    parent text,
    day date,
    name text,
    portion_until timestamptz,
    counted bigint
)
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET DateStyle = 'ISO, YMD'
SET TimeZone = 'UTC'
SET lock_timeout = '2s'
AS $function$
DECLARE
    v_horizon timestamptz := ctaudit.horizon(p_retention_days);
    v_today date := clock_timestamp()::date;
    v_held tstzmultirange := ctaudit.held();
BEGIN
    RETURN QUERY
    -- What the default partitions hold: is_recorded is false for rows older than the first stream.
    WITH strays AS MATERIALIZED (
        SELECT
            d.parent, d.received_at::date AS day, d.received_at >= f.first_seen AS is_recorded,
            date_trunc('day', d.received_at) <@ v_held AS is_held, count(*) AS number
        FROM (
            SELECT 'opening' AS parent, o.received_at FROM ctaudit.opening_default AS o
            UNION ALL SELECT 'flow', f.received_at FROM ctaudit.flow_default AS f
            UNION ALL SELECT 'dump_entry', e.received_at FROM ctaudit.dump_entry_default AS e
            UNION ALL SELECT 'aggregate', a.received_at FROM ctaudit.aggregate_default AS a
        ) AS d
        CROSS JOIN (
            SELECT coalesce(min(n.first_seen), 'infinity') AS first_seen FROM ctaudit.node AS n
        ) AS f
        GROUP BY 1, 2, 3, 4
    ),
    existing AS MATERIALIZED (SELECT p.* FROM ctaudit.partitions() AS p),
    unclosed AS MATERIALIZED (
        SELECT e.parent, e.day, e.name, dense_rank() OVER (ORDER BY e.day DESC) AS nth
        FROM (
            SELECT x.*, ctaudit.is_settled(x.day) AS is_settled FROM existing AS x
            WHERE x.parent <> 'aggregate' AND x.day < v_today AND x.day >= v_horizon::date
                AND NOT x.day::timestamptz <@ v_held AND NOT EXISTS (
                    SELECT FROM ctaudit.closed_partition AS c
                    WHERE c.parent = x.parent AND c.day = x.day AND c.closed_at IS NOT NULL
                )
        ) AS e
        WHERE e.is_settled
    ),
    unsummed AS MATERIALIZED (
        SELECT u.day, n.node
        FROM (
            SELECT DISTINCT c.day FROM unclosed AS c WHERE c.nth <= 8
        ) AS u
        CROSS JOIN LATERAL ctaudit.nodes_of_day(u.day) AS n
        WHERE NOT EXISTS (
            SELECT FROM ctaudit.summed_day AS k
            WHERE k.node_id = n.node_id AND k.day = u.day AND k.summed_at > '-infinity'
        )
        UNION
        SELECT k.day, n.node
        FROM (
            SELECT d.day FROM (
                SELECT DISTINCT s.day FROM ctaudit.summed_day AS s
                WHERE s.summed_at = '-infinity' AND s.day >= v_horizon::date
                ORDER BY s.day DESC LIMIT 8
            ) AS d
            WHERE ctaudit.is_settled(d.day) OFFSET 0
        ) AS f
        JOIN ctaudit.summed_day AS k ON k.day = f.day AND k.summed_at = '-infinity'
        JOIN ctaudit.node AS n ON n.node_id = k.node_id
    ),
    ahead AS (
        SELECT t.parent, d.day::date AS day
        FROM generate_series(v_today - 1, v_today + p_days, '1 day') AS d (day)
        CROSS JOIN unnest(ARRAY['opening', 'flow', 'dump_entry', 'aggregate']) AS t (parent)
    ),
    made AS (
        SELECT w.parent, w.day, coalesce(s.number, 0) AS number, e.partition_until
        FROM (
            SELECT a.parent, a.day FROM ahead AS a
            UNION SELECT s.parent, s.day FROM strays AS s
            WHERE s.day >= v_horizon::date AND s.day <= v_today
        ) AS w
        LEFT JOIN (
            SELECT s.parent, s.day, sum(s.number) AS number FROM strays AS s GROUP BY 1, 2
        ) AS s ON s.parent = w.parent AND s.day = w.day
        LEFT JOIN existing AS e ON e.parent = w.parent AND e.day = w.day
        WHERE e.partition_until IS NULL OR e.partition_until < w.day + 1
    ),
    portions AS (
        SELECT m.*, CASE WHEN i < c.number THEN m.day::timestamptz + i * interval '1 day' / c.number
            ELSE m.day + 1 END AS portion_until
        FROM made AS m
        CROSS JOIN LATERAL (
            SELECT greatest(ceil(m.number / p_rows::numeric), 1)::integer AS number
        ) AS c
        CROSS JOIN generate_series(1, c.number) AS i
    )
    SELECT d.step, d.parent, d.day, d.name, d.portion_until, d.counted FROM (
        SELECT 1 AS place, 'make' AS step, p.parent, p.day,
            ctaudit.partition_name(p.parent, p.day) AS name, p.portion_until,
            p.number::bigint AS counted
        FROM portions AS p
        WHERE p.partition_until IS NULL OR p.portion_until > p.partition_until
        UNION ALL
        SELECT 2, 'trim', NULL, NULL, NULL, NULL, NULL
        UNION ALL
        SELECT 3, 'drop', e.parent, e.day, e.name, NULL, NULL
        FROM existing AS e
        WHERE e.day < v_horizon::date AND NOT e.day::timestamptz <@ v_held
        UNION ALL
        SELECT DISTINCT 4, 'delete', s.parent, NULL::date, s.parent || '_default',
            NULL::timestamptz, NULL::bigint
        FROM strays AS s WHERE s.day < v_horizon::date AND s.is_recorded AND NOT s.is_held
        UNION ALL
        SELECT 5, 'reach', NULL, NULL, n.node, NULL, NULL
        FROM ctaudit.node AS n
        WHERE n.first_dump_id IS NULL AND EXISTS (
            SELECT FROM ctaudit.dump AS x JOIN ctaudit.stream AS s USING (node)
            WHERE x.node = n.node AND s.covered_until >= x.ended_at + interval '2 hours'
        ) AND NOT EXISTS (SELECT FROM ctaudit.import AS i WHERE i.node = n.node)
        UNION ALL
        SELECT 5, 'sum', NULL, u.day, u.node, NULL, NULL FROM unsummed AS u
        UNION ALL
        SELECT 6, 'close', u.parent, u.day, u.name, NULL, NULL FROM unclosed AS u WHERE u.nth <= 8
        UNION ALL
        SELECT 7, 'freeze', e.parent, e.day, e.name, NULL, NULL
        FROM existing AS e
        WHERE e.day < v_today AND e.day >= v_horizon::date
            AND NOT coalesce(e.options @> '{autovacuum_freeze_table_age=0}', false)
            AND NOT EXISTS (
                SELECT FROM unclosed AS u
                WHERE u.parent = e.parent AND u.day = e.day AND u.nth <= 8
            )
        UNION ALL
        SELECT 8, 'keep', s.parent, NULL, s.parent || '_default', NULL, sum(s.number)::bigint
        FROM strays AS s
        WHERE s.day > v_today + p_days OR s.day < v_horizon::date AND (s.is_held OR NOT s.is_recorded)
        GROUP BY s.parent
        UNION ALL
        SELECT 9, 'keep', NULL, NULL, h.case_reference, NULL, count(DISTINCT e.name)
        FROM ctaudit.holds() AS h
        JOIN existing AS e ON e.day BETWEEN h.kept_from AND h.kept_until
        WHERE e.day < v_horizon::date
        GROUP BY h.case_reference
    ) AS d
    ORDER BY d.place, d.counted > 0, d.day, d.parent, d.portion_until, d.name;
END
$function$;
