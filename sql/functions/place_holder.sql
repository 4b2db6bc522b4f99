-- Function: ctaudit.place_holder
-- Puts one statement of a source among its intervals of an address. An interval is lengthened by
-- what the source says of the same holder. It ends where another holder's begins, whichever was
-- said first.
-- Parameters:
--   p_source, p_network, p_node_id, p_zone   whose intervals; NULL node and zone: of all
--   p_holder, p_detail, p_from, p_until      the interval; p_until NULL: it has not ended
-- Returns: added, lengthened, changed (its detail), unchanged; with ", shortened another" where it
--   begins within another holder's interval; or refused: and the reason
-- Tables touched: holder
CREATE OR REPLACE FUNCTION ctaudit.place_holder(
    p_source text,
    p_network cidr,
    p_node_id smallint,
    p_zone integer,
    p_holder text,
    p_detail text,
    p_from timestamptz,
    p_until timestamptz
)
RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_wrong text := ctaudit.wrong_holder(p_source, p_network, p_holder, p_detail, p_from, p_until);
    v_other text;
    v_until timestamptz;
    v_from timestamptz := p_from;
    v_own ctaudit.holder;
    v_ids bigint[] := '{}';
    v_shortened text := '';
BEGIN
    IF v_wrong IS NOT NULL THEN
        RETURN 'refused: ' || v_wrong;
    END IF;
    SELECT h.holder INTO v_other FROM ctaudit.holder AS h
    WHERE h.source = p_source AND h.network = p_network AND h.valid_from = p_from
        AND h.node_id IS NOT DISTINCT FROM p_node_id AND h.zone IS NOT DISTINCT FROM p_zone
        AND h.holder <> p_holder;
    IF FOUND THEN
        RETURN format('refused: from the same time %s is recorded of this source', v_other);
    END IF;
    UPDATE ctaudit.holder AS h
    SET valid_until = p_from, set_at = DEFAULT, set_by = DEFAULT
    WHERE h.source = p_source AND h.network = p_network AND h.valid_from < p_from
        AND (h.valid_until > p_from OR h.valid_until IS NULL)
        AND h.node_id IS NOT DISTINCT FROM p_node_id AND h.zone IS NOT DISTINCT FROM p_zone
        AND h.holder <> p_holder;
    IF FOUND THEN
        v_shortened := ', shortened another';
    END IF;
    SELECT least(p_until, min(h.valid_from)) INTO v_until FROM ctaudit.holder AS h
    WHERE h.source = p_source AND h.network = p_network AND h.valid_from > p_from
        AND h.node_id IS NOT DISTINCT FROM p_node_id AND h.zone IS NOT DISTINCT FROM p_zone
        AND h.holder <> p_holder;
    FOR v_own IN SELECT h.* FROM ctaudit.holder AS h
        WHERE h.source = p_source AND h.network = p_network AND h.holder = p_holder
            AND h.node_id IS NOT DISTINCT FROM p_node_id AND h.zone IS NOT DISTINCT FROM p_zone
            AND tstzrange(h.valid_from, h.valid_until, '[]') && tstzrange(p_from, v_until, '[]')
        ORDER BY h.valid_from
    LOOP
        v_from := least(v_from, v_own.valid_from);
        v_until := nullif(greatest(
            coalesce(v_until, 'infinity'), coalesce(v_own.valid_until, 'infinity')
        ), 'infinity');
        v_ids := v_ids || v_own.holder_id;
    END LOOP;
    IF v_ids = '{}' THEN
        INSERT INTO ctaudit.holder (
            network, valid_from, valid_until, holder, detail, source, node_id, zone
        )
        VALUES (p_network, p_from, v_until, p_holder, p_detail, p_source, p_node_id, p_zone);
        RETURN 'added' || v_shortened;
    ELSIF cardinality(v_ids) = 1 AND v_own.valid_from = v_from
        AND v_own.valid_until IS NOT DISTINCT FROM v_until
    THEN
        IF coalesce(v_own.detail = p_detail, p_detail IS NULL) THEN
            RETURN 'unchanged' || v_shortened;
        END IF;
        UPDATE ctaudit.holder AS h SET detail = p_detail, set_at = DEFAULT, set_by = DEFAULT
        WHERE h.holder_id = v_own.holder_id;
        RETURN 'changed' || v_shortened;
    END IF;
    DELETE FROM ctaudit.holder AS h
    WHERE h.holder_id = ANY (v_ids) AND h.holder_id <> v_own.holder_id;
    UPDATE ctaudit.holder AS h
    SET valid_from = v_from, valid_until = v_until, detail = coalesce(p_detail, h.detail),
        set_at = DEFAULT, set_by = DEFAULT
    WHERE h.holder_id = v_own.holder_id;
    RETURN 'lengthened' || v_shortened;
END
$function$;
