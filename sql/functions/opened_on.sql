-- Function: ctaudit.opened_on
-- Whether a gateway has recorded that a connection of these tuples began, whenever that was.
-- Parameters: p_node   NULL: none has; the columns of a row of opening_row
-- Returns: true: it has
-- Tables touched: node, opening_row (read)
CREATE OR REPLACE FUNCTION ctaudit.opened_on(
    p_node text,
    p_proto smallint,
    p_orig_src inet,
    p_orig_dst inet,
    p_orig_sport integer,
    p_orig_dport integer,
    p_reply_dst inet,
    p_reply_dport integer
)
RETURNS boolean
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT p_node IS NOT NULL AND EXISTS (
        SELECT FROM ctaudit.opening_row AS o
        WHERE o.node_id = (SELECT n.node_id FROM ctaudit.node AS n WHERE n.node = p_node)
            AND o.reply_dport = p_reply_dport AND o.reply_dst = p_reply_dst
            AND o.proto = p_proto AND o.orig_src = p_orig_src AND o.orig_dst = p_orig_dst
            AND o.orig_sport = p_orig_sport AND o.orig_dport = p_orig_dport
    );
$function$;
