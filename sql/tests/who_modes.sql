-- who and completeness in nat and history mode.
\ir helpers.psql
SELECT plan(25);

-- nat: openings only.
SELECT pg_temp.begin('10:00:00', 'nat');
SELECT pg_temp.batch('10:10:00', jsonb_build_array(
    pg_temp.event(1, '10:05:00'), pg_temp.event(3, '10:06:00')));
SELECT is(array[stored, filtered], array[1, 1]::bigint[], 'nat keeps openings, filters ends')
    FROM ctaudit.stream WHERE node = 'gw1';
SELECT pg_temp.batch('10:20:00', jsonb_build_array(
    pg_temp.event(1, '10:15:00', '{"ct_id": 8, "orig_src": "192.168.1.130"}')));
SELECT pg_temp.batch('10:30:00', jsonb_build_array(
    pg_temp.event(1, '10:25:00', '{"ct_id": 9, "reply_dport": 53501, "orig_src": "192.168.1.131"}')));
SELECT pg_temp.batch('10:31:00');
SELECT is_empty($$SELECT pg_temp.who('1.2.3.4', 53500, '09:00:00')$$, 'nat: none before the first');
SELECT results_eq($$SELECT pg_temp.who('1.2.3.4', 53500, '10:12:00')$$,
    $$VALUES ('gw1 outward 192.168.1.129:53400 unknown inexact'),
        ('gw1 outward 192.168.1.130:53400 unknown inexact')$$,
    'nat: the latest before, and one that may have begun before it was read');
SELECT results_eq($$SELECT pg_temp.who('1.2.3.4', 53500, '10:22:00')$$,
    $$VALUES ('gw1 outward 192.168.1.130:53400 unknown inexact')$$,
    'nat: the latest before, only');
SELECT results_eq($$SELECT pg_temp.who('1.2.3.4', 53500, '10:14:30', '10:16:00')$$,
    $$VALUES ('gw1 outward 192.168.1.129:53400 unknown inexact'),
        ('gw1 outward 192.168.1.130:53400 unknown inexact')$$,
    'nat: the latest before and those that began within');
SELECT results_eq(
    $$SELECT host(host) AS h, state FROM ctaudit.flows('192.168.1.0/24', '1.2.3.4', NULL,
        pg_temp.at('10:14:00'), pg_temp.at('10:26:00'))$$,
    $$VALUES ('192.168.1.130', 'unknown'), ('192.168.1.131', 'unknown')$$,
    'nat: flows lists those that began in the span');
SELECT results_eq($$SELECT pg_temp.complete('10:22:00')$$,
    $$VALUES ('gw1: nat mode does not record when connections end, and only openings of the 7 days before are looked at')$$, 'nat: never complete');
-- A dump knows a connection that was not there: an opening. One that has gone: nothing.
SELECT pg_temp.dump('10:40:00', jsonb_build_array(pg_temp.event(4, '10:40:00',
    '{"ct_id": 12, "reply_dport": 53512, "start_sent": "09:30:00"}')));
SELECT results_eq(
    $$SELECT provenance::text, started_at, started_source::text FROM ctaudit.opening WHERE ct_id = 12$$,
    $$VALUES ('dump', pg_temp.at('09:30:00'), 'kernel')$$,
    'nat: an entry without opening gets one');
SELECT is(count(*), 0::bigint, 'nat: no end is made up') FROM ctaudit.flow;
SELECT results_eq($$SELECT pg_temp.who('1.2.3.4', 53512, '10:35:00')$$,
    $$VALUES ('gw1 outward 192.168.1.129:53400 unknown inexact')$$,
    'nat: and is found before the dump');

-- history: ends only.
SELECT pg_temp.begin('10:00:00', 'history', 'h', jsonb_build_array(pg_temp.event(4, '10:00:00',
    '{"ct_id": 20, "reply_dport": 60020, "start_sent": "08:00:00"}')));
SELECT pg_temp.batch('11:00:00', jsonb_build_array(
    pg_temp.event(1, '10:05:00', '{"ct_id": 21, "reply_dport": 60021}'),
    pg_temp.event(3, '10:50:00',
        '{"ct_id": 21, "reply_dport": 60021, "start_sent": "10:05:00", "stop_sent": "10:49:59"}'),
    pg_temp.event(1, '10:06:00', '{"ct_id": 22, "reply_dport": 60022}')), 'h');
SELECT is(array[stored, filtered], array[2, 2]::bigint[], 'history keeps ends and dumps')
    FROM ctaudit.stream WHERE node = 'h';
SELECT results_eq($$SELECT pg_temp.who('1.2.3.4', 60021, '10:30:00', NULL, NULL, 'h')$$,
    $$VALUES ('h outward 192.168.1.129:53400 ended exact')$$, 'history: by its end');
SELECT is_empty($$SELECT pg_temp.who('1.2.3.4', 60022, '10:30:00', NULL, NULL, 'h')$$,
    'history: one still open is not known ..');
SELECT results_eq($$SELECT pg_temp.complete('10:30:00', NULL, 'h')$$,
    $$VALUES ('h: connections alive then may not have ended yet, and no later table dump shows them')$$,
    '.. and that is said');
SELECT results_eq($$SELECT pg_temp.who('1.2.3.4', 60020, '10:30:00', NULL, NULL, 'h')$$,
    $$VALUES ('h outward 192.168.1.129:53400 unknown inexact')$$,
    'history: known by the dump before; whether its end is announced was decided before the stream');
SELECT pg_temp.dump('11:10:00', jsonb_build_array(
    pg_temp.event(4, '11:10:00', '{"ct_id": 20, "reply_dport": 60020, "start_sent": "08:00:00"}'),
    pg_temp.event(4, '11:10:00', '{"ct_id": 22, "reply_dport": 60022, "start_sent": "10:06:00"}'),
    pg_temp.event(4, '11:10:00', '{"ct_id": 23, "reply_dport": 60022, "start_sent": "11:05:00",
        "orig_src": "192.168.1.140"}')), 'h');
SELECT results_eq($$SELECT pg_temp.who('1.2.3.4', 60022, '10:30:00', NULL, NULL, 'h')$$,
    $$VALUES ('h outward 192.168.1.129:53400 open exact')$$,
    'history: known by the dump after; not who began later');
SELECT pg_temp.batch('11:11:05', '[]', 'h');
SELECT results_eq($$SELECT pg_temp.complete('10:30:00', NULL, 'h')$$,
    $$VALUES ('h: complete')$$, 'history: complete, now that a dump has come');
SELECT results_eq($$SELECT pg_temp.complete('11:09:59', '11:10:01', 'h')$$,
    $$VALUES ('h: connections alive then may not have ended yet, and no later table dump shows them')$$,
    'history: not beyond that dump');
SELECT is(count(*), 1::bigint, 'history: dumps before and after, one row')
    FROM ctaudit.who('1.2.3.4', 60020, pg_temp.at('10:30:00'), pg_temp.at('10:30:01'));
SELECT is(count(*), 0::bigint, 'history: no opening is made up') FROM ctaudit.opening WHERE node = 'h';
SELECT pg_temp.batch('11:30:00', jsonb_build_array(pg_temp.event(3, '11:20:00',
    '{"ct_id": 22, "reply_dport": 60022, "start_sent": "10:06:00", "stop_sent": "11:19:00"}')), 'h');
SELECT results_eq($$SELECT pg_temp.who('1.2.3.4', 60022, '10:30:00', NULL, NULL, 'h')$$,
    $$VALUES ('h outward 192.168.1.129:53400 ended exact')$$, 'history: its end comes after the dump');

-- Gone without its end: in the dump before, not in the one after, no flow.
SELECT pg_temp.note('11:40:00', 'overrun', '{"lost": 3}', 'h');
SELECT pg_temp.dump('11:41:00', '[]', 'h');
SELECT results_eq(
    $$SELECT state, exact, ended_after, ended_before FROM ctaudit.who('1.2.3.4', 60020,
        pg_temp.at('11:35:00'), pg_temp.at('11:35:01'))$$,
    $$VALUES ('unobserved', false, pg_temp.at('11:10:00'), pg_temp.at('11:41:00'))$$,
    'history: the end was lost, between two dumps');
SELECT results_eq($$SELECT pg_temp.complete('11:35:00', NULL, 'h')$$,
    $$VALUES ('h: gap (overrun) from 2026-11-24 11:30:00+00 until 2026-11-24 11:41:00+00, 3 lost')$$,
    'history: a gap until the dump is told');
SELECT results_eq($$SELECT pg_temp.complete('10:40:00', NULL, 'h')$$,
    $$VALUES ('h: complete')$$, 'history: before it, bounded by a dump, nothing is lost');
SELECT results_eq($$SELECT pg_temp.complete('11:15:00', NULL, 'h')$$,
    $$VALUES ('h: gap (overrun) from 2026-11-24 11:30:00+00 until 2026-11-24 11:41:00+00, 3 lost')$$,
    'history: a later gap hides the end of what was alive');

SELECT * FROM finish();
ROLLBACK;
