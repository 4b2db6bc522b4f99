-- Function: ctaudit.cut_holder
-- Ends the intervals of a source that began by p_begun and reach beyond p_at. Of one that began no
-- earlier than p_at nothing is left.
-- Parameters: as those of ctaudit.place_holder; p_holder NULL: whoever it is
-- Returns: how many were shortened
-- Tables touched: holder
CREATE OR REPLACE FUNCTION ctaudit.cut_holder(
    p_source text,
    p_network cidr,
    p_node_id smallint,
    p_zone integer,
    p_holder text,
    p_begun timestamptz,
    p_at timestamptz
)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_deleted bigint;
    v_cut bigint;
BEGIN
    DELETE FROM ctaudit.holder AS h
    WHERE h.source = p_source AND h.network = p_network AND h.valid_from <= p_begun
        AND h.valid_from >= p_at
        AND h.node_id IS NOT DISTINCT FROM p_node_id AND h.zone IS NOT DISTINCT FROM p_zone
        AND h.holder = coalesce(p_holder, h.holder);
    GET DIAGNOSTICS v_deleted = ROW_COUNT;
    UPDATE ctaudit.holder AS h SET valid_until = p_at, set_at = DEFAULT, set_by = DEFAULT
    WHERE h.source = p_source AND h.network = p_network AND h.valid_from <= p_begun
        AND (h.valid_until > p_at OR h.valid_until IS NULL)
        AND h.node_id IS NOT DISTINCT FROM p_node_id AND h.zone IS NOT DISTINCT FROM p_zone
        AND h.holder = coalesce(p_holder, h.holder);
    GET DIAGNOSTICS v_cut = ROW_COUNT;
    RETURN v_deleted + v_cut;
END
$function$;
