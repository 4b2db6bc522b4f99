-- The newest are those that were asked last, by the clock of the store that the number is of.
@signature latest_inquiries
LANGUAGE plpgsql
VOLATILE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET DateStyle = 'ISO, YMD'
SET client_min_messages = warning
SET jit = off
AS $function$
#variable_conflict use_column
DECLARE
    c_named CONSTANT text := 'front_latest_inquiries';
    -- The clocks of the stores differ, so the last of one store may not be the last of all.
    c_slack CONSTANT interval := '10 s';
    c_more CONSTANT integer := 20;
    v_limit CONSTANT integer := least(p_limit, 1000);
    v_number CONSTANT bigint := coalesce(p_number, p_before);
    v_asked jsonb := jsonb_build_object(
        'p_login', session_user::text, 'p_person', p_person, 'p_everybody', p_everybody::text
    );
    v_at timestamptz;
    v_shared text;
    v_one text;
BEGIN
    IF v_number IS NOT NULL THEN
        -- Another store has another question by this number.
        SELECT i.asked_at, t.shared, CASE WHEN t.shared IS NULL THEN v_number / 1000 END
        INTO v_at, v_shared, v_one
        FROM ctaudit.told_inquiries(c_named, v_asked || CASE WHEN p_number IS NULL
            THEN '{"p_everybody": "true"}' ELSE '{}' END::jsonb
            || jsonb_build_object('p_number', (v_number / 1000)::text)) AS t,
            LATERAL (SELECT (t.inquiry).*) AS i
        WHERE i.inquiry_id = v_number;
        IF NOT FOUND THEN
            RETURN;
        END IF;
    END IF;
    v_asked := v_asked || CASE WHEN p_number IS NOT NULL
        THEN jsonb_build_object('p_shared', v_shared, 'p_number', v_one)
        ELSE jsonb_build_object(
            'p_until', (v_at + c_slack)::text, 'p_limit', (v_limit + c_more)::text
        ) END || jsonb_build_object(
            'p_case', p_case, 'p_from', p_from::text, 'p_address', p_address::text
        );
    RETURN QUERY
    SELECT i.*
    FROM ctaudit.told_inquiries(c_named, v_asked) AS t, LATERAL (SELECT (t.inquiry).*) AS i
    WHERE t.is_through_front AND i.asked_by = session_user
        AND (v_one IS NULL OR i.inquiry_id = v_number)
        AND (
            p_before IS NULL OR p_number IS NOT NULL
            OR (i.asked_at, i.inquiry_id) < (v_at, v_number)
        )
    ORDER BY i.asked_at DESC, i.inquiry_id DESC LIMIT v_limit;
END
$function$;
