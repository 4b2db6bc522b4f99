-- Function: ctaudit.fill_in
-- What the rows of a question do not tell of its connections: ends recorded later than they
-- reach, and the counters that dumps showed.
-- Parameters:
--   p_connections     connections of one node
--   p_needed          the part of the node's record that was read
--   p_dumps           when the node's dumps ran that touch the span, but those that were read
--   p_from, p_until   the asked span
--   p_open            only connections without an end
-- Returns: the connections, in no order, without those whose end shows that they were not alive
--   in the span
-- Tables touched: by ctaudit.late_ends and ctaudit.count_traffic (read)
CREATE OR REPLACE FUNCTION ctaudit.fill_in(
    p_connections ctaudit.connection[],
    p_needed ctaudit.needed_part,
    p_dumps tstzmultirange,
    p_from timestamptz,
    p_until timestamptz,
    p_open boolean
)
RETURNS SETOF ctaudit.connection
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_known ctaudit.connection[] := '{}';
    v_late ctaudit.connection[] := '{}';
    c ctaudit.connection;
BEGIN
    FOREACH c IN ARRAY p_connections LOOP
        -- Nearly all: the end says all that count_traffic would, which costs as much as the rest here.
        IF c.state = 'ended' AND c.ended_at IS NOT NULL AND c.orig_packets IS NOT NULL
            AND c.last_seen_at IS NULL AND NOT ctaudit.is_offloaded(c.status)
            AND NOT p_dumps && tstzrange(c.started_at, greatest(c.started_at, c.ended_at), '[]')
        THEN
            IF NOT p_open THEN
                c.counters := 'exact';
                RETURN NEXT c;
            END IF;
        ELSIF p_needed.all_ends OR c.state NOT IN ('open', 'unknown') THEN
            v_known := v_known || c;
        ELSE
            v_late := v_late || c;
        END IF;
    END LOOP;
    IF v_late <> '{}' THEN
        v_known := v_known || ARRAY(
            SELECT l FROM ctaudit.late_ends(
                v_late, p_needed.node_id, p_needed.ends_until, p_from, p_until
            ) AS l
        );
    END IF;
    FOREACH c IN ARRAY v_known LOOP
        CONTINUE WHEN p_open AND c.state NOT IN ('open', 'unknown');
        -- One that the dumps around the span do not show may be in one within it. Where no
        -- start is known, only the dumps that the question reads are looked at.
        RETURN NEXT ctaudit.count_traffic(c, CASE
            WHEN c.last_seen_at IS NOT NULL OR p_dumps && tstzrange(
                c.started_at, greatest(
                    c.started_at, c.ended_at,
                    CASE WHEN c.ended_at IS NULL THEN coalesce(c.ended_before, 'infinity') END
                ), '[]'
            ) THEN coalesce(
                c.started_at, least(p_needed.entries_from, lower(p_dumps)), '-infinity'
            )
        END);
    END LOOP;
END
$function$;
