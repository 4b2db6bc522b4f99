-- Function: ctaudit.check_buckets
-- Refuses a span and buckets that cannot be counted.
-- Parameters: p_from, p_until   the span; p_bucket   the length of a bucket
-- Returns: nothing
-- Errors: 22023 what is wrong
-- Tables touched: none
CREATE OR REPLACE FUNCTION ctaudit.check_buckets(
    p_from timestamptz,
    p_until timestamptz,
    p_bucket interval
)
RETURNS void
LANGUAGE plpgsql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_most constant integer := 10000;
    v_count numeric;
BEGIN
    IF p_from IS NULL OR NOT isfinite(p_from) OR NOT isfinite(p_until) OR p_from >= p_until THEN
        RAISE EXCEPTION 'traffic from % until %: must be a span that has begun', p_from, p_until
            USING ERRCODE = '22023';
    ELSIF p_bucket IS NULL OR p_bucket < interval '1 s' OR extract(month FROM p_bucket) <> 0
        OR extract(year FROM p_bucket) <> 0
    THEN
        RAISE EXCEPTION 'a bucket of %: must be a second or more, in days, hours, minutes and '
            'seconds, since months are not equally long', p_bucket USING ERRCODE = '22023';
    END IF;
    v_count := ceil(extract(epoch FROM p_until - p_from) / extract(epoch FROM p_bucket));
    IF v_count > v_most THEN
        RAISE EXCEPTION 'buckets of % from % until % are %: at most % can be asked for; take '
            'longer buckets or a shorter span', p_bucket, p_from, p_until, v_count, v_most
            USING ERRCODE = '22023';
    END IF;
END
$function$;
