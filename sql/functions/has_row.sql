-- Function: ctaudit.has_row
-- Whether a row within some bounds meets a condition that an index serves. The server plans it in less
-- time than the query of ctaudit.seen, which brings the rows.
-- Parameters: p_bounds; p_condition   on an r of opening_row, flow_row or dump_entry_row
-- Returns: true: one does, which need not be of these nodes and dumps
-- Tables touched: opening_row, flow_row, dump_entry_row (read)
CREATE OR REPLACE FUNCTION ctaudit.has_row(p_bounds ctaudit.row_bounds, p_condition text)
RETURNS boolean
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    c_exists CONSTANT text := 'EXISTS (SELECT FROM ctaudit.%I AS r WHERE (%s) AND (%s))';
    v_has_row boolean;
BEGIN
    EXECUTE 'SELECT ' || concat_ws(' OR ',
        'false',
        CASE WHEN p_bounds.openings IS NOT NULL
            THEN format(c_exists, 'opening_row', p_bounds.openings, p_condition) END,
        CASE WHEN p_bounds.ends IS NOT NULL
            THEN format(c_exists, 'flow_row', p_bounds.ends, p_condition) END,
        CASE WHEN p_bounds.entries IS NOT NULL
            THEN format(c_exists, 'dump_entry_row', p_bounds.entries, p_condition) END
    ) INTO v_has_row USING p_bounds.begins, p_bounds.untils;
    RETURN v_has_row;
END
$function$;
