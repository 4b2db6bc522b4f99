-- Function: ctaudit.same_tuple
-- Whether two rows of one node have the same zones, protocol, orig tuple and conntrack id. Such
-- rows may still be of two connections, which ctaudit.closes tells apart by their times.
-- The server replaces a call by the expression below, so its parts serve joins and indexes; it
-- does so only while the function is plain SQL without a SET clause.
-- Parameters: the columns of one row, then those of the other
-- Returns: true where they are the same
-- Tables touched: none
CREATE OR REPLACE FUNCTION ctaudit.same_tuple(
    p_zones integer,
    p_proto smallint,
    p_orig_src inet,
    p_orig_dst inet,
    p_orig_sport integer,
    p_orig_dport integer,
    p_ct_id bigint,
    p_other_zones integer,
    p_other_proto smallint,
    p_other_orig_src inet,
    p_other_orig_dst inet,
    p_other_orig_sport integer,
    p_other_orig_dport integer,
    p_other_ct_id bigint
)
RETURNS boolean
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
RETURN p_zones = p_other_zones AND p_proto = p_other_proto
    AND p_orig_src = p_other_orig_src AND p_orig_dst = p_other_orig_dst
    AND p_orig_sport = p_other_orig_sport AND p_orig_dport = p_other_orig_dport
    AND p_ct_id = p_other_ct_id;
