-- Function: ctaudit.question_arguments
-- A question of who, or of how complete the record is for it, as ctaudit.front_call takes its
-- arguments. Both are equal where the question is.
-- Parameters: as those of ctaudit.who
-- Returns: text by the names of the parameters
-- Tables touched: none
CREATE OR REPLACE FUNCTION ctaudit.question_arguments(
    p_address inet,
    p_port integer,
    p_from timestamptz,
    p_until timestamptz,
    p_remote inet,
    p_remote_port integer,
    p_proto smallint,
    p_node text,
    p_zone integer
)
RETURNS jsonb
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
SET DateStyle = 'ISO, YMD'
SET TimeZone = 'UTC'
RETURN jsonb_build_object(
    'p_address', p_address::text, 'p_port', p_port::text, 'p_from', p_from::text,
    'p_until', p_until::text, 'p_remote', p_remote::text, 'p_remote_port', p_remote_port::text,
    'p_proto', p_proto::text, 'p_node', p_node, 'p_zone', p_zone::text
);
