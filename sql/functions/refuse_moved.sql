-- Function: ctaudit.refuse_moved
-- Refuses to go on with a copy whose rows were given other places after it was looked up. It is
-- called when the partitions have been read, and so are locked.
-- Parameters: as of ctaudit.is_usable; of p_copy all may be NULL: there is no copy
-- Returns: nothing
-- Errors: 40001 they were; in a new transaction there is no such copy
-- Tables touched: live_place, stream (read)
CREATE OR REPLACE FUNCTION ctaudit.refuse_moved(
    p_copy ctaudit.live_copy,
    p_node text,
    p_dump bigint
)
RETURNS void
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    IF p_copy.node_id IS NOT NULL AND NOT ctaudit.is_usable(p_copy, p_node, p_dump) THEN
        RAISE EXCEPTION 'rows of the record were moved while they were read'
            USING ERRCODE = '40001', HINT = 'Ask again, in a new transaction.';
    END IF;
END
$function$;
