-- Function: ctaudit.events
-- The rows of a batch. The server replaces a call in FROM by the SELECT below, which costs no
-- call and no copy; it does so only while the function is plain SQL without a SET clause.
-- unnest stands in the select list because in FROM each array is stored once more.
-- Parameters: p_columns   one array a column, equally long, or empty where all values are NULL
-- Returns: one row an event, in the order of the arrays
-- Tables touched: none
CREATE OR REPLACE FUNCTION ctaudit.events(p_columns ctaudit.event_columns)
RETURNS SETOF ctaudit.event
LANGUAGE sql
STABLE
PARALLEL SAFE
BEGIN ATOMIC
    SELECT
        unnest(p_columns.kind),
        unnest(p_columns.received_at),
        unnest(p_columns.event_at),
        unnest(p_columns.start_sent),
        unnest(p_columns.stop_sent),
        unnest(p_columns.zone),
        unnest(p_columns.orig_zone),
        unnest(p_columns.reply_zone),
        unnest(p_columns.proto),
        unnest(p_columns.orig_src),
        unnest(p_columns.orig_dst),
        unnest(p_columns.orig_sport),
        unnest(p_columns.orig_dport),
        unnest(p_columns.reply_src),
        unnest(p_columns.reply_dst),
        unnest(p_columns.reply_sport),
        unnest(p_columns.reply_dport),
        unnest(p_columns.orig_icmp_type),
        unnest(p_columns.orig_icmp_code),
        unnest(p_columns.reply_icmp_type),
        unnest(p_columns.reply_icmp_code),
        unnest(p_columns.orig_packets),
        unnest(p_columns.orig_bytes),
        unnest(p_columns.reply_packets),
        unnest(p_columns.reply_bytes),
        unnest(p_columns.ct_id),
        unnest(p_columns.mark),
        unnest(p_columns.status),
        unnest(p_columns.state),
        unnest(p_columns.helper),
        unnest(p_columns.labels);
END;
