-- Function: ctaudit.share_of
-- Which part of what is being recorded is of one stream. The ends received in a span are read with
-- those of all nodes, so of a small node a step of its copy takes less.
-- Parameters: p_stream   the row of the stream
-- Returns: above 0 and no more than 1, by what each stream stored on average since it began
-- Tables touched: stream (read)
CREATE OR REPLACE FUNCTION ctaudit.share_of(p_stream ctaudit.stream)
RETURNS double precision
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT coalesce(
        sum(r.rate) FILTER (WHERE r.stream = p_stream.stream) / nullif(sum(r.rate), 0), 1
    )
    FROM (
        SELECT s.stream, (1 + s.stored) / greatest(
            extract(epoch FROM s.covered_until - s.started_at)::double precision, 60
        ) AS rate
        FROM ctaudit.stream AS s
        WHERE s.stream = p_stream.stream OR s.committed_at > now() - interval '1 hour'
    ) AS r;
$function$;
