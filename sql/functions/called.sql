-- Function: ctaudit.called
-- Which of some addresses were called in untranslated connections at all: for ctaudit.asked_rows, which
-- looks for them question by question. Each day is named by itself: beside a condition on the time of
-- receipt the server takes the index of times, which excludes nothing of a whole day.
-- Parameters: p_addresses; p_from, p_until   received in [from, until), beginnings of UTC days
-- Returns: those that have a row, in no order
-- Tables touched: partitions of opening_row, flow_row, dump_entry_row (read)
CREATE OR REPLACE FUNCTION ctaudit.called(
    p_addresses inet[],
    p_from timestamptz,
    p_until timestamptz
)
RETURNS inet[]
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET max_parallel_workers_per_gather = 0
SET jit = off
AS $function$
DECLARE
    v_condition CONSTANT text := (
        SELECT string_agg(format(
            'EXISTS (SELECT FROM ONLY ctaudit.%I AS r WHERE (r.status & 48) = 0 '
            'AND r.orig_dst = a OFFSET 0)', n.name
        ), ' OR ')
        FROM unnest('{opening,flow,dump_entry}'::text[]) AS t (name)
        CROSS JOIN LATERAL (
            SELECT t.name || '_default' AS name
            UNION ALL
            SELECT ctaudit.partition_name(t.name, (day AT TIME ZONE 'UTC')::date)
            FROM generate_series(p_from, p_until - interval '1 us', interval '1 day') AS day
        ) AS n
        WHERE to_regclass(format('ctaudit.%I', n.name)) IS NOT NULL
    );
    v_called inet[];
BEGIN
    EXECUTE format('SELECT ARRAY(SELECT a FROM unnest($1) AS a WHERE %s)', v_condition)
    INTO v_called USING p_addresses;
    RETURN v_called;
EXCEPTION WHEN undefined_table THEN
    -- A day was dropped meanwhile.
    RETURN p_addresses;
END
$function$;
