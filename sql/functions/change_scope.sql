-- Function: ctaudit.change_scope
-- Records the scope of a node, unless it is the one that its stream noted last.
-- Parameters: p_node, p_stream, p_position, p_at   as ctaudit.record_note
--   p_detail   {public, internal, hidden, source, since}. public, internal: addresses and
--              networks, NULL: not known. hidden: [{network, why}]. since: until then another
--              scope was seen, NULL: the change was noted at once
-- Tables touched: scope
CREATE OR REPLACE FUNCTION ctaudit.change_scope(
    p_node text,
    p_stream uuid,
    p_position bigint,
    p_at timestamptz,
    p_detail jsonb
)
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $function$
    INSERT INTO ctaudit.scope (
        node, stream, position, valid_from, noted_at, public, internal, hidden, source
    )
    SELECT
        p_node, p_stream, p_position,
        greatest(
            least(ctaudit.detail_time(p_detail, 'since'), p_at), p_at - interval '2 hours'
        ),
        p_at, told.public, told.internal, told.hidden, coalesce(p_detail ->> 'source', 'unknown')
    FROM (
        SELECT
            CASE jsonb_typeof(p_detail -> 'public') WHEN 'array' THEN ARRAY(
                SELECT n::cidr FROM jsonb_array_elements_text(p_detail -> 'public') AS n
            ) END AS public,
            CASE jsonb_typeof(p_detail -> 'internal') WHEN 'array' THEN ARRAY(
                SELECT n::cidr FROM jsonb_array_elements_text(p_detail -> 'internal') AS n
            ) END AS internal,
            CASE jsonb_typeof(p_detail -> 'hidden') WHEN 'array' THEN p_detail -> 'hidden'
                ELSE '[]' END AS hidden
    ) AS told
    LEFT JOIN LATERAL (
        SELECT s.stream, s.public, s.internal, s.hidden FROM ctaudit.scope AS s
        WHERE s.node = p_node ORDER BY s.scope_id DESC LIMIT 1
    ) AS last ON true
    WHERE (last.stream, last.public, last.internal, last.hidden)
        IS DISTINCT FROM (p_stream, told.public, told.internal, told.hidden);
$function$;
