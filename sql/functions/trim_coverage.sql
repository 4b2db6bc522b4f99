-- Function: ctaudit.trim_coverage
-- Cuts the coverage down to what is kept. A span that touches kept time in several places becomes
-- several.
-- Parameters: p_kept   the time that is kept
-- Returns: how many spans were deleted
-- Tables touched: coverage, stream
CREATE OR REPLACE FUNCTION ctaudit.trim_coverage(p_kept tstzmultirange)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_stream ctaudit.stream;
    v_span ctaudit.coverage;
    v_piece tstzrange;
    v_from timestamptz;
    v_current timestamptz;
    v_deleted bigint := 0;
BEGIN
    -- The record procedures lock the row of the stream first, then its coverage; so does this.
    FOR v_stream IN
        SELECT s.* FROM ctaudit.stream AS s
        WHERE EXISTS (
            SELECT FROM ctaudit.coverage AS c
            WHERE c.node = s.node AND c.stream = s.stream
                AND NOT tstzrange(c.covered_from, c.covered_until, '[]') <@ p_kept
        )
        ORDER BY s.node, s.stream FOR NO KEY UPDATE OF s
    LOOP
        FOR v_span IN
            DELETE FROM ctaudit.coverage AS c
            WHERE c.node = v_stream.node AND c.stream = v_stream.stream
                AND NOT tstzrange(c.covered_from, c.covered_until, '[]') <@ p_kept
            RETURNING c.*
        LOOP
            v_current := NULL;
            v_deleted := v_deleted + 1;
            FOR v_piece IN
                SELECT unnest(p_kept * tstzmultirange(
                    tstzrange(v_span.covered_from, v_span.covered_until, '[]')
                ))
            LOOP
                v_from := lower(v_piece);
                -- After a step of the clock several spans may reach over the same time.
                WHILE EXISTS (
                    SELECT FROM ctaudit.coverage AS c
                    WHERE c.node = v_span.node AND c.stream = v_span.stream
                        AND c.covered_from = v_from
                ) LOOP
                    v_from := v_from + interval '1 us';
                END LOOP;
                CONTINUE WHEN v_from > upper(v_piece);
                INSERT INTO ctaudit.coverage
                VALUES (
                    v_span.node, v_span.stream, v_from, upper(v_piece), v_span.openings,
                    v_span.ends
                );
                IF v_current IS NULL THEN
                    v_deleted := v_deleted - 1;
                END IF;
                v_current := v_from;
            END LOOP;
            IF v_span.covered_from = v_stream.covered_from THEN
                UPDATE ctaudit.stream AS s
                SET covered_from = CASE WHEN v_span.covered_until <@ p_kept THEN v_current END
                WHERE s.node = v_stream.node AND s.stream = v_stream.stream;
            END IF;
        END LOOP;
    END LOOP;
    RETURN v_deleted;
END
$function$;
