-- Function: ctaudit.front_call
-- Several questions of a front in one call, and so in one snapshot: what was found and how complete
-- the record was then. The functions are called with the rights of the front's login.
-- Parameters: p_call, an object:
--   schema    the schema version of the front
--   number    of this call; the same one where it is sent again
--   purpose   case, reason, on_behalf_of, announcement, announce, as of ctaudit.set_purpose
--   items     an array of objects:
--     name         of the function
--     each         an array of its arguments: text by the name of the parameter
--     by_protocol  true, of completeness_for: the same for each protocol that has gaps of its own,
--                  and for -1, all others
--     cap          at most so many rows of each
-- Returns: the rows, each with the places of its item and of its arguments, from 0. A row of
--   completeness_for has in addition asked_proto, and the columns of ctaudit.presence
-- Errors: CT007 front and store are of versions that do not go together; 55000 the transaction is not
--   REPEATABLE READ; those of the functions
-- Tables touched: those of the functions
CREATE OR REPLACE FUNCTION ctaudit.front_call(p_call jsonb)
RETURNS TABLE (item integer, place integer, value jsonb)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET DateStyle = 'ISO, YMD'
SET IntervalStyle = 'postgres'
SET TimeZone = 'UTC'
SET jit = off
AS $function$
DECLARE
    v_front CONSTANT integer := (p_call ->> 'schema')::integer;
    v_purpose CONSTANT jsonb := coalesce(nullif(p_call -> 'purpose', 'null'), '{}');
    v_apart text[];
    v_proto text;
    v_query text;
    v record;
BEGIN
    IF v_front > ctaudit.schema_version() THEN
        RAISE EXCEPTION 'it has schema version %, and the front needs %: run ctaudit schema upgrade '
            'there', ctaudit.schema_version(), v_front USING ERRCODE = 'CT007';
    ELSIF v_front < ctaudit.compatible_since() THEN
        RAISE EXCEPTION 'it has schema version %, with which a front of version % does not go on: '
            'run ctaudit schema upgrade on the front', ctaudit.schema_version(), v_front
            USING ERRCODE = 'CT007';
    ELSIF current_setting('transaction_isolation') NOT IN ('repeatable read', 'serializable') THEN
        RAISE EXCEPTION 'answers and completeness need one snapshot: the transaction is %',
            current_setting('transaction_isolation') USING ERRCODE = '55000';
    END IF;
    PERFORM ctaudit.set_purpose(
        v_purpose ->> 'case', v_purpose ->> 'reason', v_purpose ->> 'on_behalf_of',
        (v_purpose ->> 'announcement')::uuid, coalesce((v_purpose ->> 'announce')::boolean, false)
    );
    PERFORM set_config('ctaudit.purpose', (
        current_setting('ctaudit.purpose')::jsonb || jsonb_build_object('number', p_call -> 'number')
    )::text, true);
    FOR v IN
        SELECT
            (i.nth - 1)::integer AS item, (e.nth - 1)::integer AS place, i.each ->> 'name' AS name,
            e.each AS arguments, (i.each ->> 'by_protocol')::boolean AS by_protocol,
            (i.each ->> 'cap')::bigint AS cap
        FROM jsonb_array_elements(p_call -> 'items') WITH ORDINALITY AS i (each, nth),
            jsonb_array_elements(i.each -> 'each') WITH ORDINALITY AS e (each, nth)
        ORDER BY i.nth, e.nth
    LOOP
        item := v.item;
        place := v.place;
        v_query := ctaudit.call_text(v.name, v.arguments);
        IF v.name <> 'completeness_for' THEN
            FOR value IN EXECUTE v_query || ' LIMIT $2' USING v.arguments, v.cap LOOP
                RETURN NEXT;
            END LOOP;
            CONTINUE;
        END IF;
        v_query := 'SELECT c.value || coalesce(to_jsonb(p), ''{}'') || '
            'jsonb_build_object(''asked_proto'', $1 ->> ''p_proto'') FROM (' || v_query
            || ') AS c LEFT JOIN LATERAL ctaudit.presence(c.value ->> ''node'') AS p ON true';
        v_apart := '{}';
        FOR value IN EXECUTE v_query USING v.arguments LOOP
            v_apart := v_apart || ARRAY(SELECT jsonb_array_elements_text(value -> 'protocols'));
            RETURN NEXT;
        END LOOP;
        CONTINUE WHEN v_apart = '{}' OR NOT coalesce(v.by_protocol, false);
        FOR v_proto IN SELECT DISTINCT p FROM unnest(v_apart || '-1'::text) AS p LOOP
            FOR value IN EXECUTE v_query USING
                v.arguments || jsonb_build_object('p_proto', v_proto)
            LOOP
                RETURN NEXT;
            END LOOP;
        END LOOP;
    END LOOP;
END
$function$;
