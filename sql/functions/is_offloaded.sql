-- Function: ctaudit.is_offloaded
-- Whether a flowtable forwards packets of a connection, which the kernel counts only where it is
-- told to: IPS_OFFLOAD, IPS_HW_OFFLOAD (nf_conntrack_common.h).
-- Parameters: p_status   the IPS_ bits, NULL: unknown
-- Returns: true where it does, false where it does not or is not known to
-- Tables touched: none
CREATE OR REPLACE FUNCTION ctaudit.is_offloaded(p_status integer)
RETURNS boolean
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
RETURN coalesce(p_status, 0) & 49152 <> 0;
