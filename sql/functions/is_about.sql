-- Function: ctaudit.is_about
-- Whether a question asked about an address: as public one, as internal one or as remote end. The
-- server replaces a call by the expression below; it does so only while the function is plain SQL
-- without a SET clause, and has no query within.
-- Parameters: p_arguments   of the question; p_address   an address or a network; NULL: any
-- Returns: true where it did
-- Tables touched: none
CREATE OR REPLACE FUNCTION ctaudit.is_about(p_arguments jsonb, p_address inet)
RETURNS boolean
LANGUAGE sql
IMMUTABLE
AS $function$
    SELECT p_address IS NULL
        OR (p_arguments ->> 'address')::inet && p_address
        OR (p_arguments ->> 'host')::inet && p_address
        OR (p_arguments ->> 'nat')::inet && p_address
        OR (p_arguments ->> 'remote')::inet && p_address;
$function$;
