-- Function: ctaudit.refresh_live_copy
-- Brings the copy of what is open since a node's last complete dump nearer to what is recorded, once
-- that dump is compared. The recorder calls it between two batches, if database.live_copy is set.
-- Where there is no copy (ctaudit.advance_copy), ctaudit.live reads all since the dump.
-- Parameters:
--   p_node, p_stream   whose rows
--   p_rows             about how many openings to take, if more are left
-- Returns: copied_until; NULL: there is no copy
-- Errors: CT005 as ctaudit.refuse_foreign
-- Tables touched: live_copy, live_place; node, node_change, stream, dump, clock_doubt, opening,
--   dump_entry, flow (read)
CREATE OR REPLACE FUNCTION ctaudit.refresh_live_copy(
    p_node text,
    p_stream uuid,
    p_rows bigint DEFAULT 500000
)
RETURNS timestamptz
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_stream ctaudit.stream;
    v_dump ctaudit.dump;
BEGIN
    p_node := ctaudit.own_node(p_node, p_stream);
    SELECT s.* INTO v_stream FROM ctaudit.stream AS s
    WHERE s.node = p_node AND s.stream = p_stream AND s.mode = 'live';
    SELECT d.* INTO v_dump FROM ctaudit.dump AS d
    WHERE d.dump_id = ctaudit.last_dump(p_node) AND d.stream = v_stream.stream;
    -- Until then openings may follow that were received while the dump ran.
    IF v_dump.heard_until IS NULL THEN
        RETURN NULL;
    END IF;
    RETURN (ctaudit.advance_copy(v_stream, v_dump.dump_id, NULL, NULL, p_rows)).copied_until;
END
$function$;
