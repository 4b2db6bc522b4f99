-- Each store has its own record of a question; here it stands once. inquiry_id is the number of the
-- first of these stores, times 1,000, and the number of the store (ctaudit store list).
@signature inquiries
LANGUAGE sql
VOLATILE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET client_min_messages = warning
SET jit = off
AS $function$
    WITH each AS (
        SELECT a.store_id, i.*, i.asked_by = i.login AS is_through_front
        FROM ctaudit.ask_stores(jsonb_build_array(jsonb_build_object(
            'name', 'front_inquiries', 'each', jsonb_build_array(jsonb_build_object(
                'p_case', p_case, 'p_from', p_from::text, 'p_until', p_until::text,
                'p_address', p_address::text
            ))
        )), true) AS a, LATERAL jsonb_to_record(a.value) AS i (
            inquiry_id bigint, asked_at timestamptz, asked_by text, on_behalf_of text, client inet,
            application text, case_reference text, reason text, question text, arguments jsonb,
            answers bigint, answered_at timestamptz, login text, shared text
        )
    ),
    told AS (
        SELECT
            e.inquiry_id, e.store_id, e.asked_at, e.is_through_front,
            -- The front's login there asks for the one here, which may ask for a person.
            CASE WHEN e.is_through_front THEN split_part(e.on_behalf_of, ' for ', 1)
                ELSE e.asked_by END AS asked_by,
            CASE WHEN e.is_through_front THEN nullif(
                substr(e.on_behalf_of, length(split_part(e.on_behalf_of, ' for ', 1)) + 6), ''
            ) ELSE e.on_behalf_of END AS on_behalf_of,
            e.client, e.application, e.case_reference, e.reason, e.question, e.arguments,
            e.answers, e.answered_at,
            coalesce(e.shared, e.store_id || '#' || e.inquiry_id) AS shared
        FROM each AS e
    )
    SELECT
        (array_agg(t.inquiry_id * 1000 + t.store_id ORDER BY t.store_id))[1], min(t.asked_at),
        t.asked_by, t.on_behalf_of, (array_agg(t.client ORDER BY t.store_id))[1],
        (array_agg(t.application ORDER BY t.store_id))[1], t.case_reference, t.reason, t.question,
        t.arguments, sum(t.answers)::bigint,
        CASE WHEN bool_and(t.answered_at IS NOT NULL) THEN max(t.answered_at) END
    FROM told AS t
    WHERE (
            t.is_through_front AND t.asked_by = session_user
            OR pg_has_role(session_user, 'ctaudit_supervisor', 'MEMBER')
            OR pg_has_role(session_user, 'ctaudit_owner', 'MEMBER')
        )
        AND (p_by IS NULL OR p_by IN (t.asked_by, t.on_behalf_of))
    GROUP BY t.shared, t.asked_by, t.on_behalf_of, t.case_reference, t.reason, t.question,
        t.arguments
    ORDER BY min(t.asked_at), 1;
$function$;
