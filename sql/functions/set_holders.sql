-- Function: ctaudit.set_holders
-- Takes over what a source says at one time: statements in their order, as ctaudit.set_holder and
-- ctaudit.end_holder take them one by one. The same again changes nothing.
-- Parameters:
--   p_source      who says so
--   p_as_of       the time that its words are of; they are refused if later ones were read
--   p_is_whole    the statements are all that hold at p_as_of: an interval of the source that lasts
--                 longer and is not among them has ended, at an unknown time after the reading
--                 before. It is shortened to the time of that one
--   Of each statement, in arrays of equal length:
--   p_network, p_holder, p_detail, p_from, p_until, p_node, p_zone   as ctaudit.set_holder
--   p_is_end      it says no new interval, but that the holder's (NULL: whosever) that began by
--                 p_from ended: at p_until, or NULL: at an unknown time since then and since the
--                 reading before
-- Returns: outcome, as ctaudit.place_holder or "shortened", and how many statements had it. Of each
--   that was refused a row of its own, with its place from 1 on. place 0: not listed any more
-- Errors: 22023 the arrays differ in length, no source, or p_as_of is older than what was read last
-- Tables touched: holder, holder_reading; node, node_change (read)
CREATE OR REPLACE FUNCTION ctaudit.set_holders(
    p_source text,
    p_as_of timestamptz,
    p_is_whole boolean,
    p_network inet[],
    p_holder text[],
    p_detail text[],
    p_from timestamptz[],
    p_until timestamptz[],
    p_is_end boolean[],
    p_node text[],
    p_zone integer[]
)
RETURNS TABLE (place bigint, outcome text, counted bigint)
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET DateStyle = 'ISO, YMD'
SET TimeZone = 'UTC'
AS $function$
DECLARE
    v_read timestamptz;
    v record;
    v_done text;
    v_counts jsonb := '{}';
    v_ended bigint := 0;
BEGIN
    IF NOT cardinality(p_network) = ALL (ARRAY[
        cardinality(p_holder), cardinality(p_detail), cardinality(p_from), cardinality(p_until),
        cardinality(p_is_end), cardinality(p_node), cardinality(p_zone)
    ]) THEN
        RAISE EXCEPTION 'the arrays differ in length' USING ERRCODE = '22023';
    ELSIF coalesce(btrim(p_source), '') = '' OR p_as_of IS NULL OR p_is_whole IS NULL THEN
        RAISE EXCEPTION 'no source, or no time of its words' USING ERRCODE = '22023';
    END IF;
    PERFORM ctaudit.lock_source(p_source);
    SELECT r.as_of INTO v_read FROM ctaudit.holder_reading AS r WHERE r.source = p_source;
    IF v_read > p_as_of AND p_is_whole THEN
        RAISE EXCEPTION 'it is of %, older than what was read last of source %, which was of %',
            p_as_of, p_source, v_read USING ERRCODE = '22023';
    END IF;
    FOR v IN
        WITH named AS MATERIALIZED (
            SELECT d.name, f.nodes FROM (SELECT DISTINCT unnest(p_node)) AS d (name)
            CROSS JOIN LATERAL (
                SELECT coalesce(array_agg(n.node_id), '{}') AS nodes FROM ctaudit.node AS n
                WHERE n.node = ANY (ctaudit.nodes_named(d.name))
            ) AS f
        )
        SELECT s.*, n.nodes, ctaudit.plain_network(s.network) AS plain, EXISTS (
                SELECT FROM ctaudit.holder AS h
                WHERE h.source = p_source AND h.network = ctaudit.plain_network(s.network)
                    AND h.node_id IS NOT DISTINCT FROM n.nodes[1]
                    AND h.zone IS NOT DISTINCT FROM s.zone AND h.holder = s.holder
                    AND h.valid_from <= s.valid_from
                    AND coalesce(h.valid_until, 'infinity') >= coalesce(s.valid_until, 'infinity')
                    AND coalesce(h.detail = s.detail, s.detail IS NULL)
            ) AND NOT s.is_end AS is_known
        FROM unnest(p_network, p_holder, p_detail, p_from, p_until, p_is_end, p_node, p_zone)
            WITH ORDINALITY
            AS s (network, holder, detail, valid_from, valid_until, is_end, node, zone, nth)
        LEFT JOIN named AS n ON n.name = s.node
        ORDER BY s.nth
    LOOP
        IF v.is_known AND (v.node IS NULL OR cardinality(v.nodes) = 1) THEN
            v_done := 'unchanged';
        ELSIF v.node IS NOT NULL AND cardinality(v.nodes) <> 1 THEN
            v_done := format('refused: no gateway is named %s', v.node);
        ELSIF v.is_end THEN
            v_done := CASE WHEN ctaudit.cut_holder(
                p_source, v.plain, v.nodes[1], v.zone, v.holder, v.valid_from,
                coalesce(v.valid_until, greatest(v.valid_from, v_read))
            ) > 0 THEN 'shortened' ELSE 'unchanged' END;
        ELSE
            v_done := ctaudit.place_holder(
                p_source, v.plain, v.nodes[1], v.zone, v.holder, v.detail, v.valid_from, v.valid_until
            );
        END IF;
        IF v_done LIKE 'refused: %' THEN
            RETURN QUERY SELECT v.nth, v_done, 1::bigint;
        ELSE
            v_counts := v_counts || jsonb_build_object(
                v_done, coalesce((v_counts ->> v_done)::bigint, 0) + 1
            );
        END IF;
    END LOOP;
    IF p_is_whole THEN
        FOR v IN SELECT h.* FROM ctaudit.holder AS h
            WHERE h.source = p_source AND (h.valid_until > p_as_of OR h.valid_until IS NULL)
                AND h.valid_from <= p_as_of
                AND NOT EXISTS (
                    SELECT FROM unnest(p_network, p_holder, p_node, p_zone)
                        AS s (network, holder, node, zone)
                    WHERE ctaudit.plain_network(s.network) = h.network AND s.holder = h.holder
                        AND s.zone IS NOT DISTINCT FROM h.zone
                )
        LOOP
            v_ended := v_ended + ctaudit.cut_holder(
                p_source, v.network, v.node_id, v.zone, v.holder, v.valid_from,
                coalesce(v_read, v.valid_from)
            );
        END LOOP;
        RETURN QUERY SELECT 0::bigint, 'shortened', v_ended WHERE v_ended > 0;
    END IF;
    INSERT INTO ctaudit.holder_reading AS r (source, as_of) VALUES (p_source, p_as_of)
    ON CONFLICT ON CONSTRAINT holder_reading_pkey DO UPDATE SET
        as_of = greatest(r.as_of, excluded.as_of), read_at = excluded.read_at,
        read_by = excluded.read_by;
    RETURN QUERY SELECT NULL::bigint, c.key, c.value::bigint FROM jsonb_each_text(v_counts) AS c;
END
$function$;
