-- Function: ctaudit.is_one
-- The rule on a pair: whether two sightings with the same node, zones, protocol and orig tuple
-- may be of one connection. The server replaces a call by the expression below; it does so only
-- while the function is plain SQL without a SET clause.
-- Parameters: of each sighting its conntrack id, its start, the bounds of the start, and when
--   it was received; the first is the one that was received first, if they are of one
-- Returns: true where they may be
-- Tables touched: none
CREATE OR REPLACE FUNCTION ctaudit.is_one(
    p_ct_id bigint,
    p_started_at timestamptz,
    p_start_from timestamptz,
    p_start_until timestamptz,
    p_received_at timestamptz,
    p_other_ct_id bigint,
    p_other_started_at timestamptz,
    p_other_start_from timestamptz,
    p_other_start_until timestamptz,
    p_other_received_at timestamptz
)
RETURNS boolean
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
RETURN p_ct_id IS NOT DISTINCT FROM p_other_ct_id
    AND p_start_from <= p_other_start_until AND p_start_until >= p_other_start_from
    -- Where both starts are known they decide, whatever a step of the clock did in between.
    AND (p_started_at IS NOT NULL AND p_other_started_at IS NOT NULL
        OR p_received_at <= p_other_received_at);
