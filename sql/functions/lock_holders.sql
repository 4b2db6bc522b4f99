-- Function: ctaudit.lock_holders
-- Who may keep a step of the maintenance from its lock. The texts of their statements are not
-- shown: a question's has the address that was asked for.
-- Parameters: p_table   opening, flow or dump_entry; NULL: what ctaudit.trim_before changes
-- Returns: sessions that hold a lock on it, on its default partition, on one of its days or on hold,
--   and whose transaction began two seconds ago or earlier, the oldest first. seconds: how long
--   their transaction has lasted; NULL: the owner of this function is no member of
--   pg_read_all_stats
-- Tables touched: none but the catalog's
CREATE OR REPLACE FUNCTION ctaudit.lock_holders(p_table text)
RETURNS TABLE (pid integer, login text, application text, state text, seconds double precision)
LANGUAGE sql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET standard_conforming_strings = on
AS $function$
    SELECT
        a.pid, coalesce(a.usename::text, a.backend_type), a.application_name, a.state,
        extract(epoch FROM clock_timestamp() - a.xact_start)::double precision
    FROM pg_stat_activity AS a
    WHERE a.datname = current_database() AND a.pid <> pg_backend_pid()
        AND coalesce(a.xact_start < clock_timestamp() - interval '2 s', true)
        AND a.pid IN (
            SELECT l.pid FROM pg_locks AS l JOIN pg_class AS c ON c.oid = l.relation
            WHERE l.granted AND l.database = (
                    SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database()
                )
                AND c.relnamespace = 'ctaudit'::regnamespace
                AND c.relname ~ coalesce(
                    '^(hold|' || p_table || '_(row|default|p\d{8}))$',
                    '^(hold|stream|coverage|dump|note|scope|gap|inquiry)$'
                )
        )
    ORDER BY a.xact_start LIMIT 3;
$function$;
