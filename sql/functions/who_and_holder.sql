-- Function: ctaudit.who_and_holder
-- As ctaudit.who, with who had the internal address. Where somebody was named, that is on record as
-- an inquiry of its own, "holder", with the same arguments.
-- Parameters: as those of ctaudit.who; p_limit   so many connections, the latest, get a holder
-- Returns: connection; holder as ctaudit.holder_of says it, NULL where the store has none at all
-- Tables touched: holder (read), and those of ctaudit.who
CREATE OR REPLACE FUNCTION ctaudit.who_and_holder(
    p_address inet,
    p_port integer,
    p_from timestamptz,
    p_until timestamptz,
    p_remote inet DEFAULT NULL,
    p_remote_port integer DEFAULT NULL,
    p_proto smallint DEFAULT NULL,
    p_node text DEFAULT NULL,
    p_zone integer DEFAULT NULL,
    p_limit integer DEFAULT 1000
)
RETURNS TABLE (connection ctaudit.connection, holder jsonb)
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_arguments jsonb;
    v record;
    v_named bigint := 0;
BEGIN
    IF NOT EXISTS (SELECT FROM ctaudit.holder) THEN
        RETURN QUERY SELECT w, NULL::jsonb FROM ctaudit.who(
            p_address, p_port, p_from, p_until, p_remote, p_remote_port, p_proto, p_node, p_zone
        ) AS w;
        RETURN;
    END IF;
    FOR v IN
        SELECT w AS connection, row_number() OVER (ORDER BY w.started_at DESC NULLS LAST) AS place
        FROM ctaudit.who(
            p_address, p_port, p_from, p_until, p_remote, p_remote_port, p_proto, p_node, p_zone
        ) AS w
    LOOP
        connection := v.connection;
        holder := CASE WHEN v.place <= p_limit THEN ctaudit.holder_of(connection, p_until) END;
        v_named := v_named + (holder ->> 'name' IS NOT NULL)::integer;
        RETURN NEXT;
    END LOOP;
    IF v_named > 0 THEN
        v_arguments := ctaudit.who_arguments(
            p_address, p_port, p_from, p_until, p_remote, p_remote_port, p_proto, p_node, p_zone
        );
        PERFORM ctaudit.note_answers(
            ctaudit.note_question('holder', v_arguments), 'holder', v_arguments, v_named
        );
    END IF;
END
$function$;
