-- Function: ctaudit.holder_of
-- Who had the internal address of a connection, for all of its life: named only where one interval
-- covers it, from the earliest that it can have begun to the latest that it can have ended, and no
-- other holder's interval meets it. Of one source the smallest network that meets it counts alone;
-- sources count each.
-- Parameters: p_connection   as ctaudit.who returns it
--   p_until   the end of the asked span: of one that has not ended it must cover what is before
-- Returns: an object. name, detail, source: of the one holder, NULL where nobody is named; from,
--   until: what had to be covered, NULL where it is not known; intervals: all that meet it
-- Tables touched: holder; node (read)
CREATE OR REPLACE FUNCTION ctaudit.holder_of(
    p_connection ctaudit.connection,
    p_until timestamptz
)
RETURNS jsonb
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
SET TimeZone = 'UTC'
AS $function$
DECLARE
    c ALIAS FOR p_connection;
    v_from timestamptz := coalesce(
        c.started_after, CASE WHEN c.started_source <> 'dump' THEN c.started_at END
    );
    v_until timestamptz := coalesce(
        c.ended_at, c.ended_before,
        CASE WHEN c.state NOT IN ('ended', 'unobserved') THEN least(p_until, now()) END
    );
    v_zone integer := coalesce(
        CASE c.direction WHEN 'inward' THEN c.reply_zone ELSE c.orig_zone END, c.zone
    );
    v_found jsonb;
BEGIN
    IF v_until < v_from THEN
        -- The clock went back in between.
        v_until := v_from;
    END IF;
    WITH met AS (
        SELECT h.*, h.valid_from <= v_from
            AND coalesce(h.valid_until, 'infinity') >= v_until AS is_whole,
            max(masklen(h.network)) OVER (PARTITION BY h.source) AS longest
        FROM ctaudit.holder AS h
        WHERE h.network >>= c.host
            AND tstzrange(h.valid_from, h.valid_until) && tstzrange(v_from, v_until, '[]')
            AND (h.zone IS NULL OR h.zone = v_zone)
            AND (h.node_id IS NULL OR h.node_id = (
                SELECT n.node_id FROM ctaudit.node AS n WHERE n.node = c.node
            ))
    )
    SELECT jsonb_build_object(
        'name', CASE WHEN count(DISTINCT m.holder) = 1 AND bool_or(m.is_whole)
            THEN min(m.holder) END,
        'detail', CASE WHEN count(DISTINCT m.holder) = 1 AND bool_or(m.is_whole)
            THEN min(m.detail) FILTER (WHERE m.is_whole) END,
        'source', CASE WHEN count(DISTINCT m.holder) = 1 AND bool_or(m.is_whole)
            THEN string_agg(DISTINCT m.source, ', ') FILTER (WHERE m.is_whole) END,
        'from', v_from,
        'until', v_until,
        'intervals', coalesce(jsonb_agg(jsonb_build_object(
            'holder', m.holder, 'detail', m.detail, 'network', abbrev(m.network::inet),
            'source', m.source, 'from', m.valid_from, 'until', m.valid_until
        ) ORDER BY m.valid_from, m.source, m.holder), '[]')
    ) INTO v_found
    FROM met AS m WHERE masklen(m.network) = m.longest;
    RETURN v_found;
END
$function$;
