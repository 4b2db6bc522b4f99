-- Function: ctaudit.who_conditions
-- Parameters: as those of ctaudit.who, addresses as ctaudit.plain_address has them
-- Returns: the conditions of the question on a row r, for ctaudit.seen_query: outward, inward. They
--   use $11 to $15: p_address, p_port, p_remote, p_remote_port, p_proto. They are the same for
--   questions with a port that are about addresses of the same family and in the same zone.
-- Errors: 22023 no port, no zone
-- Tables touched: none
CREATE OR REPLACE FUNCTION ctaudit.who_conditions(
    p_address inet,
    p_port integer,
    p_remote inet,
    p_remote_port integer,
    p_proto smallint,
    p_zone integer,
    OUT outward text,
    OUT inward text
)
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    -- Of a query of ICMP its id; the type and code stand where a port would, for the index.
    v_query text := 'r.proto = 1 AND r.orig_sport = $12 AND r.orig_dport IN (2048, 3328, 3840, 4352)';
    v_zone text := ctaudit.zone_condition(p_zone);
BEGIN
    outward := 'r.reply_dst = $11';
    inward := 'r.orig_dst = $11';
    IF p_port NOT BETWEEN 0 AND 65535 OR p_remote_port NOT BETWEEN 0 AND 65535 THEN
        RAISE EXCEPTION 'not a port: %', CASE WHEN p_port BETWEEN 0 AND 65535
            THEN p_remote_port ELSE coalesce(p_port, p_remote_port) END
            USING ERRCODE = '22023', HINT = 'A port is 0 to 65535; NULL asks for any.';
    END IF;
    IF p_port IS NOT NULL THEN
        outward := outward || ' AND r.reply_dport = $12';
        IF family(p_address) = 6 THEN
            v_query := 'r.proto = 58 AND r.orig_sport = $12 AND r.orig_dport IN (32768, 35584)';
        END IF;
        inward := inward
            || ' AND (r.orig_dport = $12 AND r.proto NOT IN (1, 58)'
            || ' AND ($15 IS NULL OR $15 NOT IN (1, 58))'
            || ' OR ' || v_query || ' AND ($15 IS NULL OR $15 IN (1, 58)))';
    END IF;
    -- For a single question the server leaves out what was not asked.
    outward := outward || ' AND ($13 IS NULL OR r.reply_src IN ($13, ''0.0.0.0'', ''::''))'
        || ' AND ($14 IS NULL OR (r.reply_sport = $14 OR r.reply_src IN (''0.0.0.0'', ''::''))'
        || ' AND r.proto NOT IN (1, 58)) AND ($15 IS NULL OR r.proto = $15)';
    inward := inward || ' AND ($13 IS NULL OR r.orig_src IN ($13, ''0.0.0.0'', ''::''))'
        || ' AND ($14 IS NULL OR r.orig_sport = $14 OR r.orig_src IN (''0.0.0.0'', ''::''))'
        || ' AND ($15 IS NULL OR r.proto = $15)';
    outward := outward || v_zone;
    inward := inward || v_zone;
END
$function$;
