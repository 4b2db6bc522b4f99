-- Function: ctaudit.is_told
-- Whether an end tells all that an opening does, given that they are the only ones of their node,
-- tuple and id for hours: no answer is different without the opening.
--   ctaudit.lives makes one connection of them, with the end's start: the kernel's.
--   Each question that reads the opening reads the end: the end came after it, within two hours of
--   the earliest start, and a question about any time since that start reads ends until two hours
--   later at least (ctaudit.needed).
--   What an answer shows is the end's, and the conditions of a question match both or neither.
-- The server replaces a call by the expression below.
-- Parameters: p_opening, p_end   the rows
-- Returns: true where it does
-- Tables touched: none
CREATE OR REPLACE FUNCTION ctaudit.is_told(
    p_opening ctaudit.opening_row,
    p_end ctaudit.flow_row
)
RETURNS boolean
LANGUAGE sql
STABLE
PARALLEL SAFE
RETURN p_end.provenance = 'e' AND p_end.started_source = 'k' AND p_end.ended_source = 'k'
    AND ctaudit.start_from(
        p_opening.started_at, ctaudit.time_source_of(p_opening.started_source),
        p_opening.started_after
    ) <= p_end.started_at
    AND ctaudit.start_until(
        p_opening.started_at, ctaudit.time_source_of(p_opening.started_source),
        p_opening.received_at
    ) >= p_end.started_at
    AND p_end.started_at <= p_opening.received_at
    AND p_opening.received_at <= p_end.received_at
    AND p_end.received_at < least(
        p_end.started_at, ctaudit.start_from(
            p_opening.started_at, ctaudit.time_source_of(p_opening.started_source),
            p_opening.started_after
        )
    ) + interval '2 hours'
    -- When it was surely alive.
    AND coalesce(p_opening.started_after, p_opening.started_at) <= p_end.ended_at
    AND p_opening.reply_src = p_end.reply_src AND p_opening.reply_dst = p_end.reply_dst
    AND p_opening.reply_sport = p_end.reply_sport AND p_opening.reply_dport = p_end.reply_dport
    -- IPS_SRC_NAT, IPS_DST_NAT and IPS_NAT_CLASH.
    AND p_opening.status & 4144 = p_end.status & 4144;
