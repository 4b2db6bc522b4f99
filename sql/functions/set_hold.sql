-- Function: ctaudit.set_hold
-- Keeps a span of the record although retention would drop it. For the owner only.
-- Parameters:
--   p_case            the case reference; it may have several holds
--   p_from, p_until   the span, which may reach into the future
--   p_node            its name, or one that it had; NULL: each gateway
--   p_addresses       networks of the connections that are meant; NULL: all
-- Returns: hold_id; kept_from, kept_until: the first and the last day that is kept; kept_since:
--   the first day that the record still has, NULL where it has none
-- Errors: 22023 a wrong span, no day of it is left, or several gateways had the name; P0002 no
--   such gateway
-- Tables touched: hold; node, node_change, and those of ctaudit.held (read)
CREATE OR REPLACE FUNCTION ctaudit.set_hold(
    p_case text,
    p_from timestamptz,
    p_until timestamptz,
    p_node text DEFAULT NULL,
    p_addresses cidr[] DEFAULT NULL,
    OUT hold_id bigint,
    OUT kept_from date,
    OUT kept_until date,
    OUT kept_since date
)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET TimeZone = 'UTC'
SET DateStyle = 'ISO, YMD'
AS $function$
DECLARE
    v_node_id smallint;
    v_days tstzmultirange;
BEGIN
    IF p_from IS NULL OR p_until IS NULL OR NOT p_from < p_until
        OR p_from = '-infinity' OR p_until = 'infinity'
    THEN
        RAISE EXCEPTION 'not a span of time: from % until %', p_from, p_until
            USING ERRCODE = '22023';
    ELSIF p_case IS NULL OR p_case = '' THEN
        RAISE EXCEPTION 'a hold needs a case reference' USING ERRCODE = '22023';
    ELSIF p_node IS NOT NULL THEN
        SELECT n.node_id INTO v_node_id FROM ctaudit.node AS n
        WHERE n.node = ctaudit.node_named(p_node);
    END IF;
    -- Waits for a step that drops what is older than the retention.
    INSERT INTO ctaudit.hold AS h (case_reference, held_from, held_until, node_id, addresses)
    VALUES (p_case, p_from, p_until, v_node_id, nullif(p_addresses, '{}'))
    RETURNING h.hold_id INTO hold_id;
    SELECT min(k.day) INTO kept_since FROM (
        SELECT p.day FROM ctaudit.partitions() AS p
        -- What was recorded late, and waits for the maintenance.
        UNION ALL SELECT min(d.received_at)::date FROM ctaudit.opening_default AS d
            WHERE d.received_at >= (SELECT min(n.first_seen) FROM ctaudit.node AS n)
        UNION ALL SELECT min(d.received_at)::date FROM ctaudit.flow_default AS d
            WHERE d.received_at >= (SELECT min(n.first_seen) FROM ctaudit.node AS n)
        UNION ALL SELECT min(d.received_at)::date FROM ctaudit.aggregate_default AS d
            WHERE d.received_at >= (SELECT min(n.first_seen) FROM ctaudit.node AS n)
    ) AS k;
    v_days := ctaudit.held(hold_id);
    kept_from := lower(v_days);
    kept_until := upper(v_days) - interval '1 day';
    IF p_until <= kept_since THEN
        RAISE EXCEPTION 'nothing is left of the time until %: the record begins on %',
            p_until, kept_since USING ERRCODE = '22023';
    END IF;
    RAISE LOG 'ctaudit: % set a hold for case %: from % until %',
        session_user, p_case, p_from, p_until;
END
$function$;
