-- Function: ctaudit.format_rule
-- Parameters: p_rule   as of ctaudit.rule_meets
-- Returns: the filter rule as the configuration writes it, for example: deny proto udp zone 7 snat
-- Tables touched: none
CREATE OR REPLACE FUNCTION ctaudit.format_rule(p_rule jsonb)
RETURNS text
LANGUAGE sql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT concat_ws(' ', p_rule ->> 'action', string_agg(f.field || ' ' || (
        SELECT string_agg(CASE
            WHEN jsonb_typeof(v.value) = 'array' AND v.value -> 0 = v.value -> 1
                THEN v.value ->> 0
            WHEN jsonb_typeof(v.value) = 'array'
                THEN (v.value ->> 0) || '-' || (v.value ->> 1)
            WHEN f.field = 'proto' THEN CASE v.value #>> '{}' WHEN '1' THEN 'icmp'
                WHEN '6' THEN 'tcp' WHEN '17' THEN 'udp' WHEN '58' THEN 'icmpv6'
                ELSE v.value #>> '{}' END
            ELSE v.value #>> '{}'
        END, ',' ORDER BY v.place)
        FROM jsonb_array_elements(p_rule -> f.field) WITH ORDINALITY AS v (value, place)
    ), ' ' ORDER BY f.place), (
        SELECT string_agg(d.word, ' ' ORDER BY d.place)
        FROM jsonb_array_elements_text(p_rule -> 'direction') WITH ORDINALITY AS d (word, place)
    ))
    FROM unnest(
        '{orig_src,orig_dst,reply_src,reply_dst,proto,orig_sport,orig_dport,reply_sport,'
        'reply_dport,zone}'::text[]
    ) WITH ORDINALITY AS f (field, place)
    WHERE p_rule ? f.field;
$function$;
