-- Function: ctaudit.zone
-- Parameters: p_zones   ctaudit.zone_pair
-- Returns: the zone of both directions, 0 where each has its own
-- Tables touched: none
CREATE OR REPLACE FUNCTION ctaudit.zone(
    p_zones integer
)
RETURNS integer
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
RETURN CASE WHEN p_zones >> 16 & 65535 = p_zones & 65535 THEN p_zones & 65535 ELSE 0 END;
