-- Function: ctaudit.end_holder
-- Says that whoever had an address at p_at, by a source, had it no longer from then on.
-- Parameters: as those of ctaudit.set_holder; p_at   the end
-- Returns: how many intervals were shortened
-- Errors: 22023 no address, source or time; P0002 no such gateway
-- Tables touched: holder; node, node_change (read)
CREATE OR REPLACE FUNCTION ctaudit.end_holder(
    p_address inet,
    p_at timestamptz,
    p_source text,
    p_node text DEFAULT NULL,
    p_zone integer DEFAULT NULL
)
RETURNS bigint
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_wrong text := ctaudit.wrong_holder(p_source, p_address, 'any', NULL, p_at, NULL);
BEGIN
    IF v_wrong IS NOT NULL THEN
        RAISE EXCEPTION '%: %', p_address, v_wrong USING ERRCODE = '22023';
    END IF;
    PERFORM ctaudit.lock_source(p_source);
    RETURN ctaudit.cut_holder(
        p_source, ctaudit.plain_network(p_address), ctaudit.node_id_named(p_node), p_zone, NULL,
        p_at, p_at
    );
END
$function$;
