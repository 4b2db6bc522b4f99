-- Function: ctaudit.set_holder
-- Says who had an internal address, or all of a network, from p_from on and before p_until. The
-- same again changes nothing. Said again with a later end, or with an earlier begin, the interval
-- is lengthened; another holder's, from the same source, ends it (ctaudit.place_holder). Sources
-- are not compared with each other: ctaudit.holder_of names nobody where they disagree.
-- Parameters:
--   p_address   an address or a network
--   p_holder    what tells the holder from others; it is shown as it is
--   p_from, p_until   NULL p_until: it has not ended; ctaudit.end_holder ends it
--   p_source    who says so: each job has a source of its own
--   p_detail    for people, such as a host's name; NULL: nothing, or what was said before
--   p_node, p_zone    behind this gateway, in this conntrack zone only; NULL: any
-- Returns: as ctaudit.place_holder
-- Errors: 22023 a value is wrong, or another holder is recorded from the same time; P0002 no such
--   gateway
-- Tables touched: holder; node, node_change (read)
CREATE OR REPLACE FUNCTION ctaudit.set_holder(
    p_address inet,
    p_holder text,
    p_from timestamptz,
    p_until timestamptz,
    p_source text,
    p_detail text DEFAULT NULL,
    p_node text DEFAULT NULL,
    p_zone integer DEFAULT NULL
)
RETURNS text
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_done text := 'refused: '
        || ctaudit.wrong_holder(p_source, p_address, p_holder, p_detail, p_from, p_until);
BEGIN
    IF p_zone NOT BETWEEN 0 AND 65535 THEN
        v_done := 'refused: a conntrack zone is a number from 0 to 65535';
    ELSIF v_done IS NULL THEN
        PERFORM ctaudit.lock_source(p_source);
        v_done := ctaudit.place_holder(
            p_source, ctaudit.plain_network(p_address), ctaudit.node_id_named(p_node), p_zone,
            btrim(p_holder), nullif(btrim(p_detail), ''), p_from, p_until
        );
    END IF;
    IF v_done LIKE 'refused: %' THEN
        RAISE EXCEPTION '%, %: %', p_address, p_holder, substr(v_done, 10) USING ERRCODE = '22023';
    END IF;
    RETURN v_done;
END
$function$;
