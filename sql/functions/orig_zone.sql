-- Function: ctaudit.orig_zone
-- Parameters: p_zones   ctaudit.zone_pair
-- Returns: the zone of the orig direction alone, NULL where it is that of both, or 0
-- Tables touched: none
CREATE OR REPLACE FUNCTION ctaudit.orig_zone(
    p_zones integer
)
RETURNS integer
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
RETURN CASE WHEN p_zones >> 16 & 65535 <> p_zones & 65535
    THEN nullif(p_zones >> 16 & 65535, 0) END;
