-- A hold keeps whole days, what a question about them needs, and all that says how complete it is.
\ir helpers.psql
SELECT plan(31);

-- gw1 records in January 2020, hour by hour of days 10 to 20, and again since yesterday.
CREATE FUNCTION pg_temp.hourly(p_first timestamptz, p_last timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    v_at timestamptz;
BEGIN
    FOR v_at IN SELECT generate_series(p_first, p_last, '6 hours') LOOP
        PERFORM pg_temp.dump(v_at::text);
        PERFORM pg_temp.batch((v_at + interval '1 hour')::text, jsonb_build_array(pg_temp.event(
            1, (v_at + interval '10 min')::text,
            jsonb_build_object('ct_id', extract(epoch FROM v_at)::bigint))));
        PERFORM pg_temp.batch((v_at + interval '2 hours')::text, jsonb_build_array(pg_temp.event(
            3, (v_at + interval '70 min')::text, jsonb_build_object(
                'ct_id', extract(epoch FROM v_at)::bigint,
                'start_sent', (v_at + interval '10 min')::text,
                'stop_sent', (v_at + interval '70 min')::text))));
    END LOOP;
END
$$;
SELECT ctaudit.make_partition(t.name, d::date)
FROM unnest(ARRAY['opening', 'flow', 'dump_entry']) AS t (name),
    generate_series('2020-01-09'::date, '2020-01-22', '1 day') AS d;
SELECT pg_temp.note('2020-01-10 00:00:00+00', 'start', '{"mode": "live", "timestamp": 1}');
SELECT pg_temp.hourly('2020-01-10 00:00:00+00', '2020-01-20 18:00:00+00');
INSERT INTO ctaudit.gap (
    node, stream, gap_from, gap_until, sound_from, cause, lost, hides_openings, hides_ends
)
SELECT 'gw1', pg_temp.stream('gw1'), g.at, g.at + interval '1 hour', g.at, 'overrun', 5, true, true
FROM (VALUES ('2020-01-11 03:00+00'::timestamptz), ('2020-01-14 03:00+00')) AS g (at);
SELECT pg_temp.dump('2020-01-20 19:00:00+00');
SELECT pg_temp.note('2020-01-20 20:00:00+00', 'stop');
SELECT pg_temp.note((now() - interval '1 day')::text, 'start', '{"mode": "live", "timestamp": 1}');
SELECT pg_temp.dump((now() - interval '1 day')::text);
UPDATE ctaudit.stream SET committed_at = '2020-01-21' WHERE stopped_at IS NOT NULL;

SELECT throws_ok($$SELECT ctaudit.set_hold('', now(), now() + interval '1 day')$$, '22023', NULL,
    'a case is needed');
SELECT throws_ok($$SELECT ctaudit.set_hold('c', now(), now())$$, '22023', NULL, 'and a span');
SELECT throws_ok($$SELECT ctaudit.set_hold('c', now(), 'infinity')$$, '22023', NULL, 'with an end');
SELECT throws_ok($$SELECT ctaudit.set_hold('c', '2019-01-01', '2019-01-02')$$, '22023', NULL,
    'of which something is left');
SELECT throws_ok($$SELECT ctaudit.set_hold('c', '2020-01-14', '2020-01-15', 'gw9')$$, 'P0002', NULL,
    'of a gateway that is known');
SELECT is(count(*), 0::bigint, 'what is refused leaves nothing') FROM ctaudit.hold;

SELECT results_eq(
    $$SELECT kept_from, kept_until, kept_since FROM ctaudit.set_hold(
        '2026-17', '2020-01-14 04:00+00', '2020-01-14 21:00+00', 'gw1',
        '{192.168.1.129/32,10.0.0.0/8}')$$,
    $$VALUES ('2020-01-13'::date, '2020-01-15'::date, '2020-01-09'::date)$$,
    'the dumps around the span are kept as well, and two hours');
SELECT results_eq(
    $$SELECT case_reference, node, addresses, set_by = session_user, lifted_by, kept_from, kept_until
        FROM ctaudit.holds()$$,
    $$VALUES ('2026-17', 'gw1', '{192.168.1.129,10.0.0.0/8}'::text[], true,
        NULL::text, '2020-01-13'::date, '2020-01-15'::date)$$, 'holds');

SELECT results_eq($$SELECT pg_temp.complete('2020-01-14 12:00:00+00')$$,
    $$VALUES ('gw1: complete')$$, 'complete before');
SELECT results_eq($$SELECT pg_temp.complete('2020-01-14 03:30:00+00')$$,
    $$SELECT 'gw1: ' || ctaudit.format_gap(g) FROM ctaudit.gap AS g
        WHERE gap_from::date = '2020-01-14'$$, 'but for the gap');

SELECT results_eq(
    $$SELECT step, day FROM ctaudit.due_steps(30) WHERE parent = 'flow' AND step = 'drop'$$,
    $$SELECT 'drop', d::date FROM generate_series('2020-01-09'::date, '2020-01-22', '1 day') AS d
        WHERE d NOT BETWEEN '2020-01-13' AND '2020-01-15'$$, 'due: all days but the held ones');
SELECT results_eq(
    $$SELECT name, counted FROM ctaudit.due_steps(30) WHERE step = 'keep' AND parent IS NULL$$,
    $$VALUES ('2026-17', 9::bigint)$$, 'three days of three tables are reported as kept');

SELECT throws_ok($$SELECT ctaudit.drop_partition('flow', '2020-01-12', 30)$$, '55000', NULL,
    'no day is dropped that is said to be covered');
SELECT lives_ok($$SELECT * FROM ctaudit.trim_before(30)$$, 'trimmed');
SELECT is(count(*), 33::bigint, 'the other days are dropped')
FROM ctaudit.due_steps(30) AS s
WHERE s.step = 'drop' AND ctaudit.drop_partition(s.parent, s.day, 30);
SELECT is(ctaudit.drop_partition('flow', '2020-01-14', 30), false, 'a held day is not');
SELECT results_eq($$SELECT DISTINCT received_at::date FROM ctaudit.opening ORDER BY 1$$,
    $$VALUES ('2020-01-13'::date), ('2020-01-14'), ('2020-01-15')$$, 'rows of three days');

SELECT results_eq($$SELECT pg_temp.complete('2020-01-14 12:00:00+00')$$,
    $$VALUES ('gw1: complete')$$, 'a question about the held span is complete as before');
SELECT results_eq($$SELECT pg_temp.who('1.2.3.4', 53500, '2020-01-14 12:30:00+00')$$,
    $$VALUES ('gw1 outward 192.168.1.129:53400 ended exact')$$, 'and answered as before');
SELECT is_empty($$SELECT pg_temp.who('1.2.3.4', 53500, '2020-01-14 14:00:00+00')$$, 'none');
SELECT results_eq($$SELECT pg_temp.complete('2020-01-14 14:00:00+00')$$,
    $$VALUES ('gw1: complete')$$, 'none, and complete');
SELECT results_eq($$SELECT pg_temp.complete('2020-01-14 03:30:00+00')$$,
    $$SELECT 'gw1: ' || ctaudit.format_gap(g) FROM ctaudit.gap AS g
        WHERE gap_from::date = '2020-01-14'$$, 'its gap stays');
SELECT ok(why LIKE 'gw1: %past retention%' OR why LIKE 'gw1: not covered%', 'outside: unknown')
FROM ctaudit.completeness(NULL, '2020-01-12 12:00+00', '2020-01-12 12:00:01+00');
SELECT is(count(*), 0::bigint, 'the other gap goes') FROM ctaudit.gap
WHERE gap_from::date = '2020-01-11';
SELECT is(count(*), 2::bigint, 'the stream of the held span stays') FROM ctaudit.stream;
SELECT is(count(*), 0::bigint, 'nothing more to trim') FROM ctaudit.trim_before(30) AS t
WHERE t.rows > 0;

SELECT is(ctaudit.lift_hold('2026-17'), 1::bigint, 'lifted');
SELECT throws_ok($$SELECT ctaudit.lift_hold('2026-17')$$, 'P0002', NULL, 'once');
SELECT is(lifted_by, session_user::text, 'on record') FROM ctaudit.holds();
SELECT lives_ok($$SELECT * FROM ctaudit.trim_before(30)$$, 'trimmed again');
SELECT results_eq(
    $$SELECT s.stream = pg_temp.stream('gw1'), (SELECT count(*) FROM ctaudit.gap
        WHERE gap_from < '2021-01-01') FROM ctaudit.stream AS s$$,
    $$VALUES (true, 1::bigint)$$, 'of the ended stream only the gap until the next one is left');
SELECT * FROM finish();
ROLLBACK;
