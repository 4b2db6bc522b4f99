-- Function: ctaudit.lives
-- The one rule of matching: which sightings are of the same connection, and when it was alive.
-- A sighting is what one row says: an opening, an entry of a dump, an end, or an unobserved end.
--
-- The kernel gives a tuple to one connection at a time, so the connections of a tuple follow
-- each other. Their conntrack ids come again and prove nothing by themselves. Two sightings are
-- of one connection where
--   the ids are equal,
--   the bounds within which each began overlap,
--   where a start is not known, the end or the entry was received after the opening,
--   and the end was not over before the opening was sent, or before a dump showed the entry.
-- Of several connections the sighting joins the one whose start is nearest. Each opening begins
-- a connection; each end ends one, and the observed ends come before the unobserved, which give
-- way. What no end ended was over when the next connection of the tuple began. An entry that
-- the kernel inserted beside another of the same tuple (IPS_NAT_CLASH) ends nothing.
--
-- Parameters: p_sightings   all of one node, zones, protocol and orig tuple, in any order
-- Returns: the connections by their start; opening, entry, ending, unobserved are the numbers
--   of the sightings (of several entries the last), NULL: there is none
-- Tables touched: none
CREATE OR REPLACE FUNCTION ctaudit.lives(p_sightings ctaudit.sighting[])
RETURNS SETOF ctaudit.life
LANGUAGE plpgsql
IMMUTABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_lives ctaudit.life[] := '{}';
    v_life ctaudit.life;
    v_seen ctaudit.sighting;
    v_nearest integer;
    v_distance interval;
    v_least interval;
    v_next timestamptz;
    v_sorted ctaudit.sighting[] := p_sightings;
    v_id bigint;
    v_kind text;
    -- Of those with the id at hand: the first, and the first that may still be joined; whether
    -- each may have begun no earlier than the one before. A tuple may come thousands of times.
    v_first integer := 1;
    v_low integer := 1;
    v_are_ordered boolean := true;
BEGIN
    -- Nearly all are an opening, or one with its end: then there is nothing to sort.
    IF cardinality(p_sightings) > 2
        OR cardinality(p_sightings) = 2
            AND (p_sightings[1].kind <> 'opening' OR p_sightings[2].kind = 'opening')
    THEN
        v_sorted := ARRAY(
            SELECT s FROM unnest(p_sightings) AS s
            ORDER BY s.ct_id, array_position('{opening,end,entry,unobserved}', s.kind),
                coalesce(s.started_at, s.received_at), s.received_at, s.number
        );
    END IF;
    FOREACH v_seen IN ARRAY v_sorted LOOP
        IF v_seen.ct_id IS DISTINCT FROM v_id THEN
            v_id := v_seen.ct_id;
            v_first := cardinality(v_lives) + 1;
            v_low := v_first;
            v_are_ordered := true;
        ELSIF v_seen.kind <> v_kind THEN
            v_low := v_first;
        END IF;
        v_kind := v_seen.kind;
        WHILE v_low <= cardinality(v_lives)
            AND v_lives[v_low].start_until < v_seen.start_from - interval '1 s'
        LOOP
            v_low := v_low + 1;
        END LOOP;
        v_nearest := NULL;
        FOR i IN CASE WHEN v_seen.start_from > '-infinity' THEN v_low ELSE v_first END
            .. CASE v_seen.kind WHEN 'opening' THEN 0 ELSE cardinality(v_lives) END
        LOOP
            v_life := v_lives[i];
            EXIT WHEN v_are_ordered AND v_life.start_from > v_seen.start_until;
            CONTINUE WHEN NOT ctaudit.is_one(
                    v_life.ct_id, v_life.started_at, v_life.start_from, v_life.start_until,
                    coalesce(v_life.opened_at, '-infinity'), v_seen.ct_id, v_seen.started_at,
                    v_seen.start_from, v_seen.start_until, v_seen.received_at
                )
                OR v_seen.kind = 'end' AND v_life.ending IS NOT NULL
                OR v_seen.kind = 'unobserved' AND v_life.unobserved IS NOT NULL
                OR v_seen.kind = 'entry' AND v_life.gone_at < v_seen.alive_at
                OR v_seen.gone_at < v_life.alive_at - interval '1 ms';
            v_distance := coalesce(v_seen.started_at, v_seen.received_at)
                - coalesce(v_life.started_at, v_life.received_at);
            v_distance := greatest(v_distance, -v_distance);
            -- An event's time is no later than the start: an opening whose event came later is
            -- one only where there is no other.
            IF v_life.start_from = v_life.started_at - interval '1 ms'
                AND v_seen.started_at < v_life.started_at - interval '10 us'
            THEN
                v_distance := v_distance + interval '1 s';
            END IF;
            -- What was read in one second is in no order; the tuple's first ends first.
            IF v_seen.kind = 'end' AND v_seen.started_at IS NULL THEN
                v_distance := greatest(v_distance, interval '1 s');
            END IF;
            IF v_nearest IS NULL OR v_distance < v_least THEN
                v_nearest := i;
                v_least := v_distance;
            END IF;
        END LOOP;
        v_life := CASE WHEN v_nearest IS NULL THEN NULL ELSE v_lives[v_nearest] END;
        v_nearest := coalesce(v_nearest, cardinality(v_lives) + 1);
        v_life.ct_id := v_seen.ct_id;
        v_life.clashed := coalesce(v_life.clashed, false) OR coalesce(v_seen.clashed, false);
        v_life.received_at := coalesce(v_life.received_at, v_seen.received_at);
        IF v_seen.kind = 'opening' THEN
            v_life.opened_at := v_seen.received_at;
        END IF;
        v_life.start_from := greatest(v_life.start_from, v_seen.start_from);
        v_life.start_until := least(v_life.start_until, v_seen.start_until);
        v_life.started_at := CASE WHEN v_life.start_from = v_life.start_until
            THEN v_life.start_from ELSE coalesce(v_life.started_at, v_seen.started_at) END;
        v_life.alive_at := greatest(v_life.alive_at, v_seen.alive_at);
        CASE v_seen.kind
        WHEN 'opening' THEN v_life.opening := v_seen.number;
        WHEN 'entry' THEN v_life.entry := v_seen.number;
        WHEN 'end' THEN
            v_life.ending := v_seen.number;
            v_life.gone_at := v_seen.gone_at;
        ELSE
            v_life.unobserved := v_seen.number;
            v_life.gone_at := coalesce(v_life.gone_at, v_seen.gone_at);
        END CASE;
        v_are_ordered := v_are_ordered
            AND (v_nearest = v_first OR v_lives[v_nearest - 1].start_from <= v_life.start_from)
            AND (v_nearest >= cardinality(v_lives)
                OR v_life.start_from <= v_lives[v_nearest + 1].start_from);
        v_lives[v_nearest] := v_life;
    END LOOP;

    IF cardinality(v_lives) = 1 THEN
        v_life := v_lives[1];
        RETURN NEXT v_life;
        RETURN;
    END IF;
    FOR v_life IN
        SELECT * FROM unnest(v_lives) AS l
        ORDER BY coalesce(l.started_at, l.alive_at, l.received_at) DESC, l.start_until DESC,
            l.gone_at DESC NULLS FIRST
    LOOP
        IF v_life.gone_at IS NULL THEN
            v_life.next_at := v_next;
        END IF;
        IF NOT v_life.clashed THEN
            v_next := v_life.start_until;
        END IF;
        RETURN NEXT v_life;
    END LOOP;
END
$function$;
