-- Function: ctaudit.retire_command
-- Parameters: p_node; p_last_at   the last that it recorded
-- Returns: the command that retires the gateway, to be pasted into a shell. The time is that of
--   the next whole second, UTC.
-- Tables touched: none
CREATE OR REPLACE FUNCTION ctaudit.retire_command(p_node text, p_last_at timestamptz)
RETURNS text
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT format(
        'ctaudit node retire %s --at ''%s''',
        ctaudit.shell_word(p_node),
        to_char(
            date_trunc('second', p_last_at + interval '999999 us') AT TIME ZONE 'UTC',
            'YYYY-MM-DD"T"HH24:MI:SS"Z"'
        )
    );
$function$;
