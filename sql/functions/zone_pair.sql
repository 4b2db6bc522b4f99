-- Function: ctaudit.zone_pair
-- The zones of both directions in one number, as rows hold them: the orig zone in the upper 16
-- bits. The kernel sends one zone for both directions (CTA_ZONE), or that of one direction
-- (CTA_TUPLE_ZONE); what it does not send is 0 (nf_conntrack_zones.h).
-- The server replaces a call by the expression below; it does so only while the function is
-- plain SQL without a SET clause.
-- Parameters: zone, orig_zone, reply_zone of ctaudit.event
-- Returns: the pair
-- Tables touched: none
CREATE OR REPLACE FUNCTION ctaudit.zone_pair(
    p_zone integer,
    p_orig_zone integer,
    p_reply_zone integer
)
RETURNS integer
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
RETURN coalesce(p_orig_zone, p_zone, 0) << 16 | coalesce(p_reply_zone, p_zone, 0);
