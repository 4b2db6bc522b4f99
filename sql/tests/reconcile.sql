-- Coverage, gaps, dumps: what is known, what is said to be unknown, what a dump puts right.
\ir helpers.psql
SELECT plan(46);

SELECT is_empty($$SELECT pg_temp.complete('09:00:00')$$, 'no gateway, no row');
SELECT pg_temp.note('10:00:00', 'start', '{"mode": "live", "timestamp": 1}');
SELECT is_empty($$SELECT pg_temp.complete('09:00:00')$$, 'no gateway lived then');
SELECT results_eq($$SELECT pg_temp.complete('09:00:00', NULL, 'gw1')$$,
    $$VALUES ('gw1: before the first record, which begins at 2026-11-24 10:00:00+00')$$,
    'asked by name: before the first record');
SELECT results_eq($$SELECT pg_temp.complete('10:00:00')$$,
    $$VALUES ('gw1: nothing is covered yet')$$, 'nothing is covered before the first dump');
SELECT pg_temp.note('10:00:01', 'dump begin');
SELECT pg_temp.batch('10:00:01', jsonb_build_array(
    pg_temp.event(1, '10:00:01', '{"ct_id": 1, "orig_sport": 1001, "reply_dport": 1001}'),
    pg_temp.event(4, '10:00:02', '{"ct_id": 2, "orig_sport": 1002, "reply_dport": 1002, "start_sent": "09:00:00"}'),
    pg_temp.event(4, '10:00:02', '{"ct_id": 1, "orig_sport": 1001, "reply_dport": 1001, "start_sent": "10:00:00.9"}')));
SELECT pg_temp.note('10:00:03', 'dump end', '{"entries": 2}');
SELECT is(count(*), 1::bigint, 'the dump waits for what is still under way') FROM ctaudit.opening;
SELECT set_eq($$SELECT reply_dport FROM ctaudit.live('gw1')$$, $$VALUES (1001), (1002)$$,
    'live does not wait');
SELECT pg_temp.batch('10:00:02.5');
SELECT is(count(*), 1::bigint, 'nor is it held against half of it') FROM ctaudit.opening;
SELECT pg_temp.batch('10:00:04');
SELECT results_eq(
    $$SELECT ct_id, provenance::text, started_source::text FROM ctaudit.opening ORDER BY ct_id$$,
    $$VALUES (1::bigint, 'event', 'receiver'), (2, 'dump', 'kernel')$$,
    'what has no opening gets one, what has one does not');
SELECT results_eq($$SELECT entries, ended_at, reconciled_at IS NOT NULL FROM ctaudit.dump$$,
    $$VALUES (2::bigint, pg_temp.at('10:00:03'), true)$$, 'the dump is complete');
SELECT results_eq($$SELECT pg_temp.complete('10:00:03', '10:00:04')$$, $$VALUES ('gw1: complete')$$,
    'covered from the end of the dump');
SELECT results_eq($$SELECT pg_temp.complete('10:00:02', '10:00:03')$$,
    $$VALUES ('gw1: before the first coverage, which begins at 2026-11-24 10:00:03+00')$$,
    'not before it');
SELECT results_eq($$SELECT pg_temp.complete('10:00:03', '10:00:04.000001')$$,
    $$VALUES ('gw1: not yet recorded: covered until 2026-11-24 10:00:04+00')$$,
    'nor what is not committed');
SELECT is(count(*), 2::bigint, 'live returns each once') FROM ctaudit.live('gw1');

-- Exactly once.
SELECT pg_temp.batch('10:01:00', jsonb_build_array(pg_temp.event(1, '10:00:50', '{"ct_id": 3}')));
SELECT is(ctaudit.resume_position('gw1', pg_temp.stream('gw1')), 430::bigint, 'the position');
SELECT pg_temp.batch('10:01:00', jsonb_build_array(pg_temp.event(1, '10:00:50', '{"ct_id": 3}')),
    'gw1', NULL, 330);
SELECT is(count(*), 1::bigint, 'a batch again does nothing') FROM ctaudit.opening WHERE ct_id = 3;
SELECT results_eq($$SELECT received, stored, filtered, undecodable FROM ctaudit.stream$$,
    $$VALUES (4::bigint, 4::bigint, 0::bigint, 0::bigint)$$, 'nor does it count');
SELECT throws_ok($$SELECT pg_temp.batch('10:01:00', '[]', 'gw1', NULL, 431)$$, 'CT001', NULL,
    'a batch that begins later than the position');
SELECT throws_ok($$SELECT pg_temp.batch('10:01:00', '[]', 'gw1', NULL, 400)$$, 'CT001', NULL,
    'a batch that lies across it');
SELECT throws_ok($$CALL ctaudit.record_note('gw1', '00000000-0000-0000-0000-000000000001', 0, 1,
    now(), 'resume', '{}')$$, 'CT002', NULL, 'a stream without its start');

-- Overrun: ended unobserved, and the real end that comes later after all.
SELECT pg_temp.batch('10:10:00', jsonb_build_array(
    pg_temp.event(1, '10:05:00', '{"ct_id": 4, "orig_sport": 1004, "reply_dport": 1004}'),
    pg_temp.event(1, '10:05:00', '{"ct_id": 5, "orig_sport": 1005, "reply_dport": 1005}')));
SELECT pg_temp.note('10:10:30', 'overrun', '{"last_read_at": 1795514405000000000, "lost": 12}');
SELECT results_eq($$SELECT gap_from, gap_until, cause, lost FROM ctaudit.gaps()$$,
    $$VALUES (pg_temp.at('10:10:00'), NULL::timestamptz, 'overrun', 12::bigint)$$,
    'a gap from where coverage was, though nothing had been read for long');
SELECT pg_temp.batch('10:11:00');
SELECT results_eq($$SELECT pg_temp.complete('10:10:40')$$,
    $$VALUES ('gw1: gap (overrun) from 2026-11-24 10:10:00+00 until now, 12 lost')$$,
    'within the gap');
SELECT is(covered_until, pg_temp.at('10:10:00'), 'coverage ends where it was') FROM ctaudit.coverage;
SELECT pg_temp.dump('10:12:00', jsonb_build_array(
    pg_temp.event(4, '10:12:00',
        '{"ct_id": 2, "orig_sport": 1002, "reply_dport": 1002, "start_sent": "09:00:00"}'),
    pg_temp.event(4, '10:12:00', '{"ct_id": 3, "start_sent": "10:00:49.9"}'),
    pg_temp.event(4, '10:12:00', '{"ct_id": 6, "orig_sport": 1006, "reply_dport": 1006, "start_sent": "10:10:10"}')));
SELECT set_eq(
    $$SELECT ct_id, provenance::text, ended_at, ended_before, orig_packets FROM ctaudit.flow$$,
    $$VALUES (1::bigint, 'unobserved', NULL::timestamptz, pg_temp.at('10:12:00'), NULL::bigint),
        (4, 'unobserved', NULL, pg_temp.at('10:12:00'), NULL),
        (5, 'unobserved', NULL, pg_temp.at('10:12:00'), NULL)$$,
    'gone from the dump after a gap: ended unobserved');
SELECT results_eq($$SELECT provenance::text, started_at FROM ctaudit.opening WHERE ct_id = 6$$,
    $$VALUES ('dump', pg_temp.at('10:10:10'))$$, 'new in the dump: opened');
SELECT results_eq($$SELECT gap_until FROM ctaudit.gaps()$$,
    $$VALUES (pg_temp.at('10:12:00'))$$, 'the dump ends the gap');
SELECT set_eq($$SELECT ct_id FROM ctaudit.live('gw1')$$,
    $$VALUES (2::bigint), (3), (6)$$, 'live returns what the dump has');
SELECT results_eq(
    $$SELECT state, exact, ended_after, ended_before FROM ctaudit.who('1.2.3.4', 1004,
        pg_temp.at('10:09:00'), pg_temp.at('10:09:01'))$$,
    $$VALUES ('unobserved', true, pg_temp.at('10:09:00'), pg_temp.at('10:12:00'))$$,
    'who tells an end that nobody observed: no DESTROY had come a minute later');
SELECT pg_temp.batch('10:13:00', jsonb_build_array(pg_temp.event(3, '10:12:30',
    '{"ct_id": 4, "orig_sport": 1004, "reply_dport": 1004, "start_sent": "10:04:59.9", "stop_sent": "10:11:50"}')));
SELECT results_eq(
    $$SELECT state, exact, ended_at FROM ctaudit.who('1.2.3.4', 1004,
        pg_temp.at('10:09:00'), pg_temp.at('10:09:01'))$$,
    $$VALUES ('ended', true, pg_temp.at('10:11:50'))$$,
    'the end that came late takes its place');
SELECT results_eq($$SELECT ct_id, state FROM ctaudit.flows(p_from => pg_temp.at('10:02:00'),
        p_until => pg_temp.at('10:09:00')) WHERE ct_id IN (4, 5) ORDER BY ct_id$$,
    $$VALUES (4::bigint, 'ended'), (5, 'unobserved')$$, 'in flows as well');
SELECT results_eq($$SELECT pg_temp.complete('10:12:30')$$, $$VALUES ('gw1: complete')$$,
    'covered again');

-- A dump without a gap before it ends nothing: the DESTROY is still to come.
SELECT pg_temp.dump('10:20:00', jsonb_build_array(
    pg_temp.event(4, '10:20:00', '{"ct_id": 2, "orig_sport": 1002, "reply_dport": 1002, "start_sent": "09:00:00"}')));
SELECT is(count(*), 3::bigint, 'no end is made up without a gap') FROM ctaudit.flow
    WHERE provenance = 'unobserved';

-- An overrun spoils the dump that is running.
SELECT pg_temp.note('10:30:00', 'dump begin');
SELECT pg_temp.note('10:30:01', 'overrun', '{}');
SELECT pg_temp.note('10:30:02', 'dump end');
SELECT pg_temp.batch('10:31:00');
SELECT is(count(*), 1::bigint, 'the gap stays open') FROM ctaudit.gaps() WHERE gap_until IS NULL;
SELECT pg_temp.dump('10:32:00', jsonb_build_array(
    pg_temp.event(4, '10:32:00', '{"ct_id": 2, "orig_sport": 1002, "reply_dport": 1002, "start_sent": "09:00:00"}')));
SELECT is(count(*), 0::bigint, 'until the next') FROM ctaudit.gaps() WHERE gap_until IS NULL;

-- Stop and start: a gap between them.
SELECT pg_temp.batch('10:40:00');
SELECT pg_temp.note('10:40:01', 'stop');
SELECT pg_temp.begin('10:50:00', 'live', 'gw1', jsonb_build_array(
    pg_temp.event(4, '10:50:00', '{"ct_id": 2, "orig_sport": 1002, "reply_dport": 1002, "start_sent": "09:00:00"}')));
SELECT results_eq(
    $$SELECT gap_from, gap_until, lost FROM ctaudit.gaps() WHERE cause = 'not listening'$$,
    $$VALUES (pg_temp.at('10:40:00'), pg_temp.at('10:50:00'), NULL::bigint)$$,
    'not listening from what was covered last until the dump');
SELECT results_eq($$SELECT pg_temp.complete('10:45:00')$$,
    $$VALUES ('gw1: gap (not listening) from 2026-11-24 10:40:00+00 until 2026-11-24 10:50:00+00, an unknown number of events lost')$$,
    'asked about it');
SELECT is(count(*), 1::bigint, 'one that outlived it is one row') FROM ctaudit.who(
    '1.2.3.4', 1002, pg_temp.at('09:30:00'), pg_temp.at('11:00:00'));

-- Dropped at the bound of the spool, undecodable, missing: counted, said.
SELECT pg_temp.batch('11:00:00');
SELECT pg_temp.note('11:00:10', 'dropped',
    '{"count": 77, "from": "2026-11-24 11:00:01+00", "until": "2026-11-24 11:00:05+00"}');
SELECT results_eq($$SELECT lost, gap_until FROM ctaudit.gaps() WHERE cause = 'spool full'$$,
    $$VALUES (77::bigint, pg_temp.at('11:00:05'))$$, 'dropped: the exact number');
SELECT pg_temp.dump('11:01:00');
SELECT pg_temp.batch('11:10:00');
SELECT pg_temp.note('11:10:00', 'undecodable', '{"reason": "too short", "message": "AAECAw=="}');
SELECT results_eq($$SELECT message, reason FROM ctaudit.undecodable$$,
    $$VALUES ('\x00010203'::bytea, 'too short')$$, 'undecodable: the message is kept');
SELECT pg_temp.batch('11:20:00');
SELECT results_eq($$SELECT pg_temp.complete('11:09:59', '11:10:01')$$,
    $$VALUES ('gw1: gap (undecodable) from 2026-11-24 11:10:00+00 until now, 1 lost')$$,
    'and is a gap until a dump shows the connection whose opening it may have been');
SELECT results_eq(
    $$SELECT received, stored, filtered, undecodable, dropped FROM ctaudit.status() WHERE node = 'gw1'
        AND stopped_at IS NULL$$,
    $$VALUES (2::bigint, 1::bigint, 0::bigint, 1::bigint, 77::bigint)$$, 'the accounting is closed');
SELECT pg_temp.dump('11:20:30');
SELECT pg_temp.batch('11:21:00');
SELECT results_eq($$SELECT pg_temp.complete('11:20:40')$$, $$VALUES ('gw1: complete')$$,
    'which ends it');
SELECT pg_temp.note('11:25:00', 'missing',
    '{"cause": "damaged", "until": "2026-11-24 11:22:00+00"}');
SELECT pg_temp.batch('11:30:00');
SELECT results_eq($$SELECT pg_temp.complete('11:25:00')$$,
    $$VALUES ('gw1: connections alive then may not have ended yet, and no later table dump shows them')$$,
    'after missing bytes an opening may be unknown until its end ..');
SELECT pg_temp.batch('11:39:00');
SELECT pg_temp.note('11:39:30', 'dump begin');
-- The last time before the end of the dump up to which all is known to have been read.
SELECT pg_temp.batch('11:39:59.99');
SELECT pg_temp.note('11:40:00', 'dump end', '{"entries": 0}');
SELECT pg_temp.batch('11:41:04');
SELECT is(pg_temp.complete('11:25:00') = 'gw1: complete', false, '.. or until a dump,');
SELECT pg_temp.batch('11:41:05');
SELECT results_eq($$SELECT pg_temp.complete('11:25:00')$$, $$VALUES ('gw1: complete')$$,
    'and until the ends have come that were under way');

-- A step of the clock.
SELECT pg_temp.note('11:50:00', 'clock', '{"step_seconds": -3.5}');
SELECT pg_temp.batch('12:00:00');
SELECT results_eq($$SELECT pg_temp.complete('11:50:02')$$,
    $$VALUES ('gw1: the clock was stepped by -3.500 s at 2026-11-24 11:50:00+00')$$,
    'near a step of the clock');
SELECT results_eq($$SELECT pg_temp.complete('11:51:00')$$, $$VALUES ('gw1: complete')$$,
    'not further away');

SELECT * FROM finish();
ROLLBACK;
