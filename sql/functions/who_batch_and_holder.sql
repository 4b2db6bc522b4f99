-- Function: ctaudit.who_batch_and_holder
-- As ctaudit.who_batch, with who had the internal address; what was named of a question is on record
-- as by ctaudit.who_and_holder.
-- Parameters: as those of ctaudit.who_batch
-- Returns: its columns; holder as ctaudit.holder_of says it, NULL where the store has none at all
-- Tables touched: holder (read), and those of ctaudit.who_batch
CREATE OR REPLACE FUNCTION ctaudit.who_batch_and_holder(
    p_addresses inet[],
    p_ports integer[],
    p_from timestamptz[],
    p_until timestamptz[],
    p_remotes inet[],
    p_remote_ports integer[],
    p_protos smallint[],
    p_nodes text[],
    p_zones integer[],
    p_limit integer DEFAULT 1001
)
RETURNS TABLE (
    question integer,
    answers bigint,
    hosts inet[],
    connection ctaudit.connection,
    holder jsonb
)
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_has_holders CONSTANT boolean := EXISTS (SELECT FROM ctaudit.holder);
    v record;
    v_named bigint[] := array_fill(0::bigint, ARRAY[cardinality(p_addresses)]);
    v_places integer[];
    v_arguments jsonb[];
BEGIN
    FOR v IN SELECT * FROM ctaudit.who_batch(
        p_addresses, p_ports, p_from, p_until, p_remotes, p_remote_ports, p_protos, p_nodes,
        p_zones, p_limit
    ) AS b LOOP
        question := v.question;
        answers := v.answers;
        hosts := v.hosts;
        connection := v.connection;
        IF v_has_holders THEN
            holder := ctaudit.holder_of(connection, p_until[question]);
            v_named[question] := v_named[question] + (holder ->> 'name' IS NOT NULL)::integer;
        END IF;
        RETURN NEXT;
    END LOOP;
    SELECT array_agg(n.place::integer ORDER BY n.place), array_agg(n.named ORDER BY n.place), array_agg(
        ctaudit.who_arguments(
            p_addresses[n.place], p_ports[n.place], p_from[n.place], p_until[n.place],
            p_remotes[n.place], p_remote_ports[n.place], p_protos[n.place], p_nodes[n.place],
            p_zones[n.place]
        ) ORDER BY n.place
    )
    INTO v_places, v_named, v_arguments
    FROM unnest(v_named) WITH ORDINALITY AS n (named, place) WHERE n.named > 0;
    IF v_places IS NOT NULL THEN
        PERFORM ctaudit.note_answer_counts(
            ctaudit.note_questions('holder', v_arguments, v_places), 'holder', v_arguments, v_named
        );
    END IF;
END
$function$;
