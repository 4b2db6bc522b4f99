-- Function: ctaudit.told_inquiries
-- Asks the stores for inquiries. Each store has its own record of a question; here it stands once.
-- Parameters: p_name   front_inquiries or front_latest_inquiries; p_arguments   of that
-- Returns: inquiry: as of ctaudit.inquiries, with who asked the front; whether it was asked at
--   all; shared, or NULL where no front asked. inquiry_id is the number of the first of the stores
--   that have it, times 1,000, and the number of the store (ctaudit store list)
-- Tables touched: none
CREATE OR REPLACE FUNCTION ctaudit.told_inquiries(p_name text, p_arguments jsonb)
RETURNS TABLE (inquiry ctaudit.told_inquiry, is_through_front boolean, shared text)
LANGUAGE sql
VOLATILE
SET search_path = pg_catalog, pg_temp
AS $function$
    WITH each AS (
        SELECT a.store_id, (i.inquiry).*, i.shared,
            (i.inquiry).asked_by = i.login AS is_through_front
        FROM ctaudit.ask_stores(jsonb_build_array(jsonb_build_object(
            'name', p_name, 'each', jsonb_build_array(p_arguments)
        )), true) AS a, LATERAL jsonb_to_record(a.value) AS i (
            inquiry ctaudit.told_inquiry, login text, shared text
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
            e.answers, e.answered_at, e.shared,
            coalesce(e.shared, e.store_id || '#' || e.inquiry_id) AS key
        FROM each AS e
    )
    SELECT ROW(
        (array_agg(t.inquiry_id * 1000 + t.store_id ORDER BY t.store_id))[1],
        (array_agg(t.asked_at ORDER BY t.store_id))[1],
        t.asked_by, t.on_behalf_of, (array_agg(t.client ORDER BY t.store_id))[1],
        (array_agg(t.application ORDER BY t.store_id))[1], t.case_reference, t.reason, t.question,
        t.arguments, sum(t.answers)::bigint,
        CASE WHEN bool_and(t.answered_at IS NOT NULL) THEN max(t.answered_at) END
    )::ctaudit.told_inquiry, t.is_through_front, t.shared
    FROM told AS t
    GROUP BY t.key, t.shared, t.is_through_front, t.asked_by, t.on_behalf_of, t.case_reference,
        t.reason, t.question, t.arguments;
$function$;
