-- Function: ctaudit.lacks_client_port
-- Whether the client's port of a connection is not known although its protocol has ports: it is one
-- of ctaudit.record_aggregate.
-- Parameters: p_connection
-- Returns: true where it is not: the port as it was on the side of the host
-- Tables touched: none
CREATE OR REPLACE FUNCTION ctaudit.lacks_client_port(p_connection ctaudit.connection)
RETURNS boolean
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
RETURN p_connection.proto IN (6, 17, 33, 132, 136) AND CASE p_connection.direction
    WHEN 'outward' THEN p_connection.orig_sport
    ELSE coalesce(p_connection.reply_dport, p_connection.orig_sport) END IS NULL;
