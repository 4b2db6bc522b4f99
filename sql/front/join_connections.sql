-- Function: ctaudit.join_connections
-- Parameters: p_then   a connection; p_first   what other stores have of it
-- Returns: p_then with the begin that p_first has, where it does not know it; exact: one of them is
-- Tables touched: none
CREATE OR REPLACE FUNCTION ctaudit.join_connections(
    p_then ctaudit.connection,
    p_first ctaudit.connection[]
)
RETURNS ctaudit.connection
LANGUAGE plpgsql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_first ctaudit.connection;
BEGIN
    FOREACH v_first IN ARRAY p_first LOOP
        p_then.exact := p_then.exact OR v_first.exact;
        IF v_first.started_at IS NOT NULL AND coalesce(p_then.started_source = 'dump', true)
            AND v_first.started_source <> 'dump'
        THEN
            p_then.started_at := v_first.started_at;
            p_then.started_source := v_first.started_source;
            p_then.started_after := v_first.started_after;
            p_then.provenance := v_first.provenance;
        END IF;
    END LOOP;
    RETURN p_then;
END
$function$;
