-- A site's own record procedure: the documented parameters, a table of the site's own. It
-- stores the ends of TCP connections only; all other events count as filtered.
CREATE SCHEMA site;

CREATE TABLE site.mine (
    node text NOT NULL,
    ended_at timestamptz,
    client inet NOT NULL,
    port integer,
    bytes bigint
);

CREATE PROCEDURE site.record_mine(
    p_node text,
    p_stream uuid,
    p_from bigint,
    p_until bigint,
    p_covered_until timestamptz,
    p_kind smallint[],
    p_received_at timestamptz[],
    p_event_at timestamptz[],
    p_start_sent timestamptz[],
    p_stop_sent timestamptz[],
    p_zone integer[],
    p_orig_zone integer[],
    p_reply_zone integer[],
    p_proto smallint[],
    p_orig_src inet[],
    p_orig_dst inet[],
    p_orig_sport integer[],
    p_orig_dport integer[],
    p_reply_src inet[],
    p_reply_dst inet[],
    p_reply_sport integer[],
    p_reply_dport integer[],
    p_orig_icmp_type smallint[],
    p_orig_icmp_code smallint[],
    p_reply_icmp_type smallint[],
    p_reply_icmp_code smallint[],
    p_orig_packets bigint[],
    p_orig_bytes bigint[],
    p_reply_packets bigint[],
    p_reply_bytes bigint[],
    p_ct_id bigint[],
    p_mark bigint[],
    p_status integer[],
    p_state smallint[],
    p_helper text[],
    p_labels bytea[]
)
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $procedure$
DECLARE
    v_columns ctaudit.event_columns := ROW(
        p_kind, p_received_at, p_event_at, p_start_sent, p_stop_sent, p_zone, p_orig_zone,
        p_reply_zone, p_proto, p_orig_src, p_orig_dst, p_orig_sport, p_orig_dport, p_reply_src,
        p_reply_dst, p_reply_sport, p_reply_dport, p_orig_icmp_type, p_orig_icmp_code,
        p_reply_icmp_type, p_reply_icmp_code, p_orig_packets, p_orig_bytes, p_reply_packets,
        p_reply_bytes, p_ct_id, p_mark, p_status, p_state, p_helper, p_labels
    );
    v_stored bigint := (
        SELECT count(*) FROM ctaudit.events(v_columns) AS e WHERE e.kind = 3 AND e.proto = 6
    );
BEGIN
    IF ctaudit.advance(
        p_node, p_stream, p_from, p_until, p_covered_until, cardinality(p_kind), v_stored
    ) THEN
        INSERT INTO site.mine
        SELECT p_node, e.stop_sent, e.orig_src, e.orig_sport, e.orig_bytes + e.reply_bytes
        FROM ctaudit.events(v_columns) AS e
        WHERE e.kind = 3 AND e.proto = 6;
    END IF;
END
$procedure$;

REVOKE EXECUTE ON PROCEDURE site.record_mine FROM PUBLIC;
GRANT USAGE ON SCHEMA site TO ctaudit_recorder;
GRANT EXECUTE ON PROCEDURE site.record_mine TO ctaudit_recorder;
