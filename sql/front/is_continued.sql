-- Function: ctaudit.is_continued
-- Whether a connection that a gateway recorded in one store is one that it recorded in another: after
-- it had moved, or where rows were recorded in both. The zones and tuples are equal, the first has
-- no end or the same one, and the start is the same, or the second does not know it.
-- Parameters: p_first, p_then
-- Returns: true: they are one
-- Tables touched: none
CREATE OR REPLACE FUNCTION ctaudit.is_continued(
    p_first ctaudit.connection,
    p_then ctaudit.connection
)
RETURNS boolean
LANGUAGE sql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT coalesce(p_first.node = p_then.node AND p_first.proto = p_then.proto
        AND p_first.provenance <> 'imported' AND p_then.provenance <> 'imported'
        AND (p_first.zone, p_first.orig_zone, p_first.reply_zone)
            IS NOT DISTINCT FROM (p_then.zone, p_then.orig_zone, p_then.reply_zone)
        AND (
            p_first.orig_src, p_first.orig_dst, p_first.orig_sport, p_first.orig_dport,
            p_first.reply_src, p_first.reply_dst, p_first.reply_sport, p_first.reply_dport,
            p_first.orig_icmp_type, p_first.orig_icmp_code
        ) IS NOT DISTINCT FROM (
            p_then.orig_src, p_then.orig_dst, p_then.orig_sport, p_then.orig_dport,
            p_then.reply_src, p_then.reply_dst, p_then.reply_sport, p_then.reply_dport,
            p_then.orig_icmp_type, p_then.orig_icmp_code
        )
        AND coalesce(p_first.ct_id = p_then.ct_id, true)
        AND (p_first.ended_at IS NULL OR p_first.ended_at IS NOT DISTINCT FROM p_then.ended_at)
        AND CASE
            WHEN p_first.started_at IS NULL OR p_then.started_at IS NULL THEN
                coalesce(p_first.started_at <= p_then.last_seen_at, true)
                AND coalesce(p_first.started_at <= p_then.ended_at, true)
            ELSE p_first.started_at BETWEEN
                least(p_then.started_after, p_then.started_at) - interval '1 ms'
                AND p_then.started_at + interval '1 ms'
                OR p_then.started_at BETWEEN
                    least(p_first.started_after, p_first.started_at) - interval '1 ms'
                    AND p_first.started_at + interval '1 ms'
        END, false);
$function$;
