-- Function: ctaudit.open_query
-- The query of the connections of a node that are not known to have ended: the entries of a dump and
-- the openings received since it began, without those that a flow closes. With a copy, the rows at
-- its places stand for what was received before copied_until. The kernel does not dump its table at
-- one instant, so one connection may be returned twice, as an entry and as an opening.
-- Those of one port are found by index, those of one host by reading what began since; of each the
-- end is looked up by index. Without either all ends are read.
-- Whether a flow closes one is decided by the pair (ctaudit.closes); only where an id was opened
-- more than once with the same port by ctaudit.lives, since one end closes one opening. That can be
-- the end of either only where the first lasted no longer than the bounds of a start are apart: for
-- less than 5 s, or for a time that is not known.
-- Parameters: p_copy   NULL: none, as for one port; p_host, p_port   as ctaudit.alive
--   p_again   the ids that were opened more than once, as the query for NULL returns them; of one
--             host or port they are found without it
-- Returns: where p_again is NULL the text of a query for one array of ids, NULL: there is none; else
--   the text of WITH clauses, the last of which is "unended": the columns of rows, kind (entry
--   or opening), seen_at, last_seen_at, and relation and place where the row stands. Its parameters:
--   $1 node_id; $2 the dump, $3 when it began, $10 when it ended; $4, $5 when its entries were
--   received; $6 what was received later is not read; $7 p_host; $8 p_port
--   $9 copied_until, or as $3: openings and ends received earlier are not read; $11 p_again
-- Tables touched: live_place (read); those of the query: live_place, opening, dump_entry, flow (read)
CREATE OR REPLACE FUNCTION ctaudit.open_query(
    p_copy ctaudit.live_copy,
    p_host inet,
    p_port integer,
    p_again bigint[]
)
RETURNS text
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_is_filtered CONSTANT boolean := num_nonnulls(p_host, p_port) > 0;
    v_inward CONSTANT text := 'coalesce(r.status, 0) & 48 = 32';
    v_asked CONSTANT text := concat_ws(
        '',
        CASE WHEN p_host IS NOT NULL THEN format(
            ' AND CASE WHEN %s THEN r.reply_src ELSE r.orig_src END <<= $7', v_inward
        ) END,
        CASE WHEN p_port IS NOT NULL THEN format(
            ' AND (r.reply_dport = $8 AND NOT (%1$s)'
            ' OR r.orig_dport = $8 AND (r.status & 32) <> 0 AND %1$s)', v_inward
        ) END
    );
    v_since CONSTANT text := '- r.node_id = - $1 AND r.received_at >= $9 AND r.received_at < $6 '
        'AND ctaudit.receipt(r.received_at) >= $9 AND ctaudit.receipt(r.received_at) < $6';
    -- An unobserved end is received when the dump ended, however late it is found.
    v_ends CONSTANT text := 'f.node_id = $1 AND (f.received_at >= $9 AND f.received_at < $6 '
        'OR f.received_at = $10 AND f.provenance = ''u'')';
    v_entry CONSTANT text := $query$
        SELECT
            'entry' AS kind, r.received_at, r.started_at,
            CASE WHEN r.started_at IS NULL THEN 'dump' ELSE 'kernel' END::ctaudit.time_source
                AS started_source,
            NULL::timestamptz AS started_after, $3::timestamptz AS seen_at,
            $3::timestamptz AS last_seen_at, 'dump'::ctaudit.provenance AS provenance,
            r.zones, r.proto, r.orig_src, r.orig_dst, r.orig_sport, r.orig_dport,
            r.reply_src, r.reply_dst, r.reply_sport, r.reply_dport,
            r.orig_packets, r.orig_bytes, r.reply_packets, r.reply_bytes,
            r.ct_id, r.mark, r.status, r.state, r.helper, r.labels,
            r.tableoid AS relation, r.ctid AS place
    $query$;
    v_opening CONSTANT text := $query$
        SELECT
            'opening' AS kind, r.received_at, r.started_at,
            ctaudit.time_source_of(r.started_source) AS started_source,
            r.started_after, r.received_at AS seen_at,
            coalesce(r.started_after, r.started_at) AS last_seen_at,
            ctaudit.provenance_of(r.provenance) AS provenance,
            r.zones, r.proto, r.orig_src, r.orig_dst, r.orig_sport, r.orig_dport,
            r.reply_src, r.reply_dst, r.reply_sport, r.reply_dport,
            NULL::bigint AS orig_packets, NULL::bigint AS orig_bytes,
            NULL::bigint AS reply_packets, NULL::bigint AS reply_bytes,
            r.ct_id, r.mark, r.status, r.state, r.helper, r.labels,
            r.tableoid AS relation, r.ctid AS place
    $query$;
    v_places CONSTANT text := CASE WHEN v_is_filtered THEN
        '(ARRAY(SELECT p.place FROM place AS p WHERE p.relation = %2$s))'
        ELSE '((SELECT k.places FROM ctaudit.live_place AS k '
            'WHERE k.node_id = $1 AND k.dump_id = coalesce($2, 0) AND k.relation = %2$s)::tid[])'
    END;
    -- In the select list, since in FROM each array is stored once more.
    v_asked_places CONSTANT text := CASE WHEN v_is_filtered AND p_copy.node_id IS NOT NULL THEN
        'place AS MATERIALIZED (SELECT p.relation, p.place FROM ('
            'SELECT k.relation, unnest(k.places) AS place, unnest(k.hosts) AS host '
            'FROM ctaudit.live_place AS k '
            'WHERE k.node_id = $1 AND k.dump_id = coalesce($2, 0) OFFSET 0'
        ') AS p WHERE p.host <<= $7) '
    END;
    v_again CONSTANT text := CASE WHEN v_is_filtered THEN
        '((SELECT array_agg(a.ct_id) FROM ('
            'SELECT s.ct_id FROM seen AS s WHERE s.kind = ''opening'' '
            'GROUP BY s.ct_id, s.orig_sport HAVING count(*) > 1'
        ') AS a)::bigint[])'
        ELSE '($11)' END;
    v_has_again CONSTANT boolean := v_is_filtered OR cardinality(p_again) > 0;
    v_before text;
    v_opened text;
BEGIN
    IF p_copy.node_id IS NULL THEN
        v_before := v_entry || 'FROM ctaudit.dump_entry_row AS r WHERE - r.dump_id = - $2 '
            'AND r.node_id = $1 AND r.received_at BETWEEN $4 AND $5' || v_asked;
    ELSE
        SELECT
            string_agg(
                CASE i.inhparent WHEN 'ctaudit.opening_row'::regclass THEN v_opening ELSE v_entry END
                || format(
                    'FROM %1$s AS r WHERE r.ctid = ANY ' || v_places, k.relation::regclass,
                    k.relation
                ),
                ' UNION ALL '
            ),
            string_agg(
                format(
                    'SELECT r.ct_id * 131072 + r.orig_sport + 1 FROM %1$s AS r WHERE r.ctid = ANY '
                    || v_places, k.relation::regclass, k.relation
                ),
                ' UNION ALL '
            ) FILTER (WHERE i.inhparent = 'ctaudit.opening_row'::regclass)
        INTO v_before, v_opened
        FROM ctaudit.live_place AS k JOIN pg_inherits AS i ON i.inhrelid = k.relation
        WHERE k.node_id = p_copy.node_id AND k.dump_id = p_copy.dump_id;
    END IF;
    IF p_again IS NULL AND NOT v_is_filtered THEN
        RETURN replace(concat($query$
            WITH brief AS MATERIALIZED (
                SELECT f.ct_id FROM ctaudit.flow_row AS f
                WHERE <ends> AND (f.started_at IS NULL OR f.ended_at IS NULL
                    OR f.ended_at < f.started_at + interval '5 s')
            )
            -- Id and port in one number, which is grouped faster.
            SELECT array_agg(a.id >> 17) FROM (
                SELECT r.id FROM (
                    SELECT r.ct_id * 131072 + r.orig_sport + 1 AS id
                    FROM ctaudit.opening_row AS r WHERE $query$, v_since, ' UNION ALL ' || v_opened,
            $query$
                ) AS r
                WHERE r.id >> 17 IN (SELECT b.ct_id FROM brief AS b)
                GROUP BY r.id HAVING count(*) > 1
            ) AS a
        $query$), '<ends>', v_ends);
    END IF;
    RETURN replace(replace(concat('WITH ', v_asked_places || ', ', $query$
        seen AS $query$, CASE WHEN NOT v_is_filtered THEN 'NOT ' END, $query$MATERIALIZED (
            $query$, v_before || ' UNION ALL ', v_opening, $query$
            FROM ctaudit.opening_row AS r WHERE $query$, v_since, v_asked, $query$
        ),
        $query$, CASE WHEN v_has_again THEN $query$
        doubled AS MATERIALIZED (
            SELECT row_number() OVER () AS number, s.* FROM seen AS s
            WHERE s.ct_id = ANY <again>
        ),
        $query$ END, $query$
        unended AS (
            SELECT NULL::bigint AS number, s.* FROM seen AS s
            WHERE $query$, CASE WHEN v_has_again THEN $query$
                coalesce(s.ct_id <> ALL <again>, true) AND
                $query$ END, $query$
                NOT EXISTS (
                    SELECT FROM ctaudit.flow_row AS f
                    WHERE <ends> AND f.ct_id = s.ct_id
                        AND $query$, CASE WHEN v_is_filtered THEN $query$
                        f.reply_dport = s.reply_dport AND f.reply_dst = s.reply_dst
                        AND ctaudit.index_time(f.received_at) >= ctaudit.index_time($3)
                        AND ctaudit.same_tuple(
                            f.zones, f.proto, f.orig_src, f.orig_dst, f.orig_sport, f.orig_dport,
                            f.ct_id, s.zones, s.proto, s.orig_src, s.orig_dst, s.orig_sport,
                            s.orig_dport, s.ct_id
                        )
                        $query$ ELSE $query$
                        -- The id and a port are hashed; the others are compared where these agree.
                        f.orig_sport = s.orig_sport
                        AND ctaudit.same_tuple(
                            f.zones, f.proto, f.orig_src, f.orig_dst, f.orig_sport, f.orig_dport,
                            f.ct_id, s.zones, s.proto, s.orig_src, s.orig_dst, s.orig_sport,
                            s.orig_dport, s.ct_id
                        ) IS TRUE
                        $query$ END, $query$
                        AND ctaudit.closes(
                            s.seen_at, s.started_at, s.started_source, s.started_after,
                            f.received_at, f.started_at
                        )
                )
            $query$, CASE WHEN v_has_again THEN $query$
            UNION ALL
            SELECT s.* FROM doubled AS s
            WHERE s.number IN (
                SELECT coalesce(l.entry, l.opening)
                FROM (
                    SELECT array_agg(ROW(
                        t.number, t.kind, t.ct_id, t.status & 4096 <> 0, t.received_at,
                        t.started_at, ctaudit.start_from(t.started_at, t.started_source, t.after),
                        ctaudit.start_until(t.started_at, t.started_source, CASE t.kind
                            WHEN 'unobserved'
                                THEN coalesce(t.started_at + interval '2 s', t.received_at)
                            ELSE t.received_at END
                        ),
                        t.alive_at, t.gone_at
                    )::ctaudit.sighting) AS sightings
                    FROM (
                        SELECT
                            d.number, d.kind, d.received_at, d.started_at, d.started_source,
                            d.started_after AS after,
                            CASE d.kind WHEN 'entry' THEN greatest(d.last_seen_at, d.started_at)
                                ELSE d.last_seen_at END AS alive_at,
                            NULL::timestamptz AS gone_at, d.zones, d.proto, d.orig_src,
                            d.orig_dst, d.orig_sport, d.orig_dport, d.ct_id, d.status
                        FROM doubled AS d
                        UNION ALL
                        SELECT
                            NULL, CASE f.provenance WHEN 'u' THEN 'unobserved' ELSE 'end' END,
                            f.received_at, f.started_at, ctaudit.time_source_of(f.started_source),
                            NULL,
                            coalesce(f.ended_after, f.started_at),
                            coalesce(
                                f.ended_at, f.ended_before,
                                greatest(f.received_at, f.stop_sent, f.started_at)
                            ),
                            f.zones, f.proto, f.orig_src, f.orig_dst, f.orig_sport, f.orig_dport,
                            f.ct_id, f.status
                        FROM ctaudit.flow_row AS f
                        WHERE <ends>
                            AND EXISTS (
                                SELECT FROM doubled AS d
                                WHERE f.reply_dport = d.reply_dport AND f.reply_dst = d.reply_dst
                                    AND ctaudit.index_time(f.received_at)
                                        >= ctaudit.index_time($3)
                                    AND f.ct_id = d.ct_id
                            )
                    ) AS t
                    GROUP BY t.zones, t.proto, t.orig_src, t.orig_dst, t.orig_sport, t.orig_dport
                ) AS g, LATERAL ctaudit.lives(g.sightings) AS l
                WHERE l.gone_at IS NULL
            )
            $query$ END, ')'), '<ends>', v_ends), '<again>', v_again);
END
$function$;
