-- Function: ctaudit.declare_pair
-- What a start or resume note says of the gateway's pair. What a dump has proved ends where one of
-- the two does not name the other any more, and where the gateway of the dump has booted since, so
-- that its table is a new one.
-- Parameters: p_stream   its row; p_at   the note's time
--   p_detail   {pair}: the name, NULL: none. Without the key nothing changes
-- Returns: nothing
-- Tables touched: stream, pair_proof; node, node_change (read)
CREATE OR REPLACE FUNCTION ctaudit.declare_pair(
    p_stream ctaudit.stream,
    p_at timestamptz,
    p_detail jsonb
)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_detail jsonb := p_stream.detail || CASE WHEN p_detail ? 'pair'
        THEN jsonb_build_object('pair', p_detail -> 'pair') ELSE '{}' END;
    v_named text[] := ctaudit.nodes_named(v_detail ->> 'pair');
BEGIN
    UPDATE ctaudit.stream AS s SET detail = v_detail
    WHERE s.node = p_stream.node AND s.stream = p_stream.stream AND s.detail <> v_detail;
    UPDATE ctaudit.pair_proof AS p SET proved_until = greatest(p_at, p.proved_from)
    WHERE p.proved_until IS NULL AND (
        p.node = p_stream.node AND NOT p.pair = ANY (v_named)
        OR p.pair = p_stream.node AND NOT p.node = ANY (v_named)
        OR p.pair = p_stream.node AND p.stream <> p_stream.stream AND NOT EXISTS (
            SELECT FROM ctaudit.stream AS s
            WHERE s.node = p.pair AND s.stream = p.stream
                AND s.detail ->> 'boot_id' = v_detail ->> 'boot_id'
        )
    );
END
$function$;
