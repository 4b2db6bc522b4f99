-- Function: ctaudit.question_key
-- Parameters: p_arguments   as of ctaudit.question_arguments; p_hosts, p_hosts_from   as of
--   ctaudit.completeness_for
-- Returns: what is equal where the question and the hosts that were found are
-- Tables touched: none
CREATE OR REPLACE FUNCTION ctaudit.question_key(
    p_arguments jsonb,
    p_hosts inet[],
    p_hosts_from timestamptz
)
RETURNS text
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT md5(concat_ws(
        ' ', p_arguments::text, ARRAY(SELECT DISTINCT h FROM unnest(p_hosts) AS h ORDER BY h)::text,
        extract(epoch FROM p_hosts_from)
    ));
$function$;
