-- Function: ctaudit.is_usable
-- Whether what a copy says of the time before copied_until is still what the record says.
-- Parameters: p_copy   its row; p_node; p_dump   the dump from which is read, NULL: none
-- Returns: false where it is of another dump, where another stream of the node has gone on since,
--   and where rows do not stand in their places any more: the database was restored, or a
--   partition written anew, exchanged or dropped
-- Tables touched: live_place, stream (read)
CREATE OR REPLACE FUNCTION ctaudit.is_usable(
    p_copy ctaudit.live_copy,
    p_node text,
    p_dump bigint
)
RETURNS boolean
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT coalesce(p_copy.dump_id = coalesce(p_dump, 0), false)
        AND p_copy.made_in = ctaudit.database_identity()
        AND NOT EXISTS (
            SELECT FROM ctaudit.stream AS s
            WHERE s.node = p_node AND s.stream <> p_copy.stream
                AND s.position IS DISTINCT FROM (p_copy.others ->> s.stream::text)::bigint
        )
        AND NOT EXISTS (
            SELECT FROM ctaudit.live_place AS k
            WHERE k.node_id = p_copy.node_id AND k.dump_id = p_copy.dump_id AND (
                k.filenode IS DISTINCT FROM pg_relation_filenode(k.relation)::oid
                OR NOT EXISTS (
                    SELECT FROM pg_inherits AS i
                    WHERE i.inhrelid = k.relation AND i.inhparent IN (
                        'ctaudit.opening_row'::regclass, 'ctaudit.dump_entry_row'::regclass
                    )
                )
            )
        );
$function$;
