-- Function: ctaudit.call_query
-- What is sent to each store. The transaction is in the text, since a pooler may be between, and one
-- that takes too long is ended there as well.
-- Parameters: p_items   as of ctaudit.front_call; p_purpose   as ctaudit.purpose returns it
-- Returns: four statements, of which the third has the rows
-- Tables touched: none
CREATE OR REPLACE FUNCTION ctaudit.call_query(p_items jsonb, p_purpose jsonb)
RETURNS text
LANGUAGE sql
VOLATILE
SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT format(
        'BEGIN ISOLATION LEVEL REPEATABLE READ READ WRITE; SET LOCAL statement_timeout = %s; '
        'SELECT item, place, value FROM ctaudit.front_call(%L::jsonb); COMMIT',
        extract(epoch FROM (SELECT max(s.long_patience) FROM ctaudit.store AS s))::bigint * 1000,
        jsonb_build_object(
            'schema', ctaudit.schema_version(), 'number', gen_random_uuid(), 'items', p_items,
            -- Who asks the front is the person for whom it asks; it may itself ask for one.
            'purpose', p_purpose || jsonb_build_object('on_behalf_of',
                session_user || coalesce(' for ' || (p_purpose ->> 'on_behalf_of'), ''))
        )
    );
$function$;
