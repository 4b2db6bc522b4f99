@signature traffic
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET DateStyle = 'ISO, YMD'
SET client_min_messages = warning
SET jit = off
AS $function$
#variable_conflict use_column
DECLARE
    c_cap CONSTANT integer := 100000;
    v_until CONSTANT timestamptz := least(p_until, now());
    v_call CONSTANT text := gen_random_uuid();
BEGIN
    PERFORM ctaudit.make_kept();
    -- All parties of each store: which are the top ones is only known of all together.
    INSERT INTO pg_temp.ctaudit_kept (kind, question, store_id, value)
    SELECT 'share', v_call, a.store_id, a.value
    FROM ctaudit.ask_stores(jsonb_build_array(jsonb_build_object(
        'name', 'traffic', 'cap', c_cap + 1, 'each', jsonb_build_array(jsonb_build_object(
            'p_from', p_from::text, 'p_until', v_until::text, 'p_bucket', p_bucket::text,
            'p_by', p_by, 'p_node', p_node, 'p_host', p_host::text, 'p_remote', p_remote::text,
            'p_top', NULL::text
        ))
    )), true, p_nodes => ARRAY[p_node]) AS a;
    IF EXISTS (
        SELECT FROM pg_temp.ctaudit_kept AS k WHERE k.kind = 'share' AND k.question = v_call
        GROUP BY k.store_id HAVING count(*) > c_cap
    ) THEN
        RAISE EXCEPTION 'more than % parties and buckets of one store: ask for longer buckets, a '
            'shorter span, or the store itself', c_cap USING ERRCODE = '54000';
    END IF;
    RETURN QUERY
    WITH share AS MATERIALIZED (
        SELECT s.*, ROW(s.node, s.zone, s.address, s.proto, s.port)::text AS party
        FROM pg_temp.ctaudit_kept AS k, LATERAL jsonb_to_record(k.value) AS s (
            bucket_from timestamptz, bucket_until timestamptz, node text, zone integer,
            address inet, proto smallint, port integer, connections bigint, began bigint,
            uncounted bigint, packets bigint, bytes bigint, interpolated_packets bigint,
            interpolated_bytes bigint, packets_error bigint, bytes_error bigint
        )
        WHERE k.kind = 'share' AND k.question = v_call
    ),
    party AS (
        SELECT
            s.party, row_number() OVER (
                ORDER BY sum(s.bytes) DESC NULLS LAST, sum(s.began) DESC, s.address, s.proto,
                    s.port, s.node, s.zone
            )::integer AS nth
        FROM share AS s GROUP BY s.party, s.node, s.zone, s.address, s.proto, s.port
    ),
    named AS (
        SELECT s.*, top.is_in, top.nth
        FROM share AS s
        JOIN party AS p ON p.party = s.party
        CROSS JOIN LATERAL (SELECT
            p.nth <= coalesce(p_top, p.nth) AS is_in,
            CASE WHEN p.nth <= coalesce(p_top, p.nth) THEN p.nth END AS nth
        ) AS top
    )
    SELECT
        t.bucket_from, t.bucket_until, t.nth, min(t.node) FILTER (WHERE t.is_in),
        min(t.zone) FILTER (WHERE t.is_in), min(t.address) FILTER (WHERE t.is_in),
        min(t.proto) FILTER (WHERE t.is_in), min(t.port) FILTER (WHERE t.is_in),
        sum(t.connections)::bigint, sum(t.began)::bigint, sum(t.uncounted)::bigint,
        sum(t.packets)::bigint, sum(t.bytes)::bigint,
        sum(t.interpolated_packets)::bigint, sum(t.interpolated_bytes)::bigint,
        sum(t.packets_error)::bigint, sum(t.bytes_error)::bigint
    FROM named AS t
    GROUP BY t.bucket_from, t.bucket_until, t.nth
    ORDER BY t.bucket_from, t.nth NULLS LAST;
END
$function$;
