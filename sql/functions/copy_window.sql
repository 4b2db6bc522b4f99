-- Function: ctaudit.copy_window
-- How many openings a step of a copy takes for a comparison. What is open is read with each step, so
-- where that is much a step takes as many openings, up to twice as many as else. The ends of all nodes
-- are read too, so of a node that is not alone it takes fewer: a 64th at least.
-- Parameters:
--   p_stream   the row of the stream
--   p_dump     as of ctaudit.advance_copy
--   p_rows     as of ctaudit.match_entries
-- Returns: fifteen a row, of a node that is alone and has not much open
-- Tables touched: stream, live_place (read)
CREATE OR REPLACE FUNCTION ctaudit.copy_window(
    p_stream ctaudit.stream,
    p_dump bigint,
    p_rows bigint
)
RETURNS bigint
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT ceil(
        greatest(ctaudit.share_of(p_stream), 1 / 64.0)
        -- A place takes six bytes.
        * least(greatest(15 * p_rows, coalesce(sum(pg_column_size(k.places)) / 6, 0)), 30 * p_rows)
    )
    FROM ctaudit.live_place AS k
    WHERE k.node_id = p_stream.node_id AND k.dump_id = coalesce(p_dump, 0);
$function$;
