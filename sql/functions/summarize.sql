-- Function: ctaudit.summarize
-- Summarizes for BRIN what was received in a span, before it is read in portions: what is not yet
-- summarized would be read with each of them. VACUUM does it too, a minute later or more; while it
-- works on a partition, that one is left to it, and so are all where the caller does not own them.
-- Parameters: p_from, p_until   times of receipt
-- Returns: nothing
-- Tables touched: opening_row, flow_row (their indexes by receipt)
CREATE OR REPLACE FUNCTION ctaudit.summarize(p_from timestamptz, p_until timestamptz)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET TimeZone = 'UTC'
-- A millisecond: as long as one waits, autovacuum ends for it after a second.
SET lock_timeout = 1
AS $function$
DECLARE
    v_index regclass;
BEGIN
    FOR v_index IN
        SELECT i.inhrelid
        FROM pg_inherits AS i JOIN pg_index AS x ON x.indexrelid = i.inhrelid
        JOIN pg_class AS c ON c.oid = x.indrelid
        WHERE i.inhparent IN (
            'ctaudit.opening_received_at'::regclass, 'ctaudit.flow_received_at'::regclass
        ) AND c.relname IN (
            SELECT ctaudit.partition_name(t.name, d.day::date)
            FROM unnest('{opening,flow}'::text[]) AS t (name), generate_series(
                date_trunc('day', p_from), p_until, interval '1 day'
            ) AS d (day)
        )
    LOOP
        BEGIN
            PERFORM brin_summarize_new_values(v_index);
        EXCEPTION WHEN lock_not_available OR insufficient_privilege THEN
            NULL;
        END;
    END LOOP;
END
$function$;
