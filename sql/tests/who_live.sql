-- who in live mode: open, ended, the borders of the asked span, ports used again.
\ir helpers.psql
SELECT plan(34);

SELECT pg_temp.begin('10:00:00');

-- Open, by the receiver's time only (kernels before 6.14).
SELECT pg_temp.batch('11:59:40', jsonb_build_array(pg_temp.event(1, '11:59:40')));
SELECT pg_temp.batch('12:00:00');
SELECT results_eq(
    $$SELECT pg_temp.who('1.2.3.4', 53500, '11:59:43')$$,
    $$VALUES ('gw1 outward 192.168.1.129:53400 open exact')$$,
    'an open connection');
SELECT is(started_source::text, 'receiver', 'its start is the receiver''s')
    FROM ctaudit.who('1.2.3.4', 53500, pg_temp.at('11:59:43'), pg_temp.at('11:59:44'));
SELECT is_empty($$SELECT pg_temp.who('1.2.3.4', 53501, '11:59:43')$$, 'not another port');
SELECT is_empty($$SELECT pg_temp.who('1.2.3.5', 53500, '11:59:43')$$, 'not another address');
SELECT is_empty($$SELECT pg_temp.who('1.2.3.4', 53500, '11:59:43', NULL, '19.1.16.8')$$,
    'not another remote');
SELECT isnt_empty($$SELECT pg_temp.who('1.2.3.4', 53500, '11:59:43', NULL, '19.1.16.7')$$,
    'the remote asked for');
SELECT is_empty($$SELECT pg_temp.who('1.2.3.4', 53500, '11:59:43', NULL, NULL, NULL, 17::smallint)$$,
    'not another protocol');
SELECT is_empty($$SELECT pg_temp.who('1.2.3.4', 53500, '11:59:43', NULL, NULL, 'gw2')$$,
    'not another node');

-- Read at 11:59:40, sent at any time since the batch before: 10:00:00.
SELECT results_eq(
    $$SELECT pg_temp.who('1.2.3.4', 53500, '11:59:39')$$,
    $$VALUES ('gw1 outward 192.168.1.129:53400 open inexact')$$,
    'may have begun before it was read');
SELECT is_empty($$SELECT pg_temp.who('1.2.3.4', 53500, '09:59:50')$$, 'but not before that');

-- Its end tells the kernel's start.
SELECT pg_temp.batch('12:10:00', jsonb_build_array(pg_temp.event(3, '12:05:01',
    '{"start_sent": "11:59:39.9", "stop_sent": "12:05:00.5", "orig_packets": 5}')));
SELECT results_eq(
    $$SELECT pg_temp.who('1.2.3.4', 53500, '12:05:00')$$,
    $$VALUES ('gw1 outward 192.168.1.129:53400 ended exact')$$,
    'ended within the asked second');
SELECT results_eq(
    $$SELECT pg_temp.who('1.2.3.4', 53500, '12:05:00.5', '12:05:00.6')$$,
    $$VALUES ('gw1 outward 192.168.1.129:53400 ended exact')$$,
    'ended just when the asked span begins');
SELECT is_empty($$SELECT pg_temp.who('1.2.3.4', 53500, '12:05:00.500001', '12:05:01')$$,
    'ended before the span');
SELECT results_eq(
    $$SELECT pg_temp.who('1.2.3.4', 53500, '11:59:39')$$,
    $$VALUES ('gw1 outward 192.168.1.129:53400 ended exact')$$,
    'began within the asked second');
SELECT is_empty($$SELECT pg_temp.who('1.2.3.4', 53500, '11:59:39', '11:59:39.9')$$,
    'began when the span ends');
SELECT is_empty($$SELECT pg_temp.who('1.2.3.4', 53500, '11:59:38')$$,
    'not before the kernel''s start');
SELECT is(count(*), 1::bigint, 'one connection is one row over any span')
    FROM ctaudit.who('1.2.3.4', 53500, pg_temp.at('10:00:00'), pg_temp.at('13:00:00'));

-- The port again, by another host, twice within a second.
SELECT pg_temp.batch('12:20:30', jsonb_build_array(
    pg_temp.event(1, '12:20:00.1', '{"ct_id": 8, "orig_src": "192.168.1.130"}'),
    pg_temp.event(3, '12:20:00.4', '{"ct_id": 8, "orig_src": "192.168.1.130",
        "start_sent": "12:20:00.1", "stop_sent": "12:20:00.3"}'),
    pg_temp.event(1, '12:20:00.6', '{"ct_id": 9, "orig_src": "192.168.1.131"}')));
SELECT results_eq(
    $$SELECT pg_temp.who('1.2.3.4', 53500, '12:20:00')$$,
    $$VALUES ('gw1 outward 192.168.1.130:53400 ended exact'),
        ('gw1 outward 192.168.1.131:53400 open exact')$$,
    'two candidates within one second');
SELECT results_eq(
    $$SELECT pg_temp.who('1.2.3.4', 53500, '12:20:01')$$,
    $$VALUES ('gw1 outward 192.168.1.131:53400 open exact')$$,
    'one in the next');
SELECT pg_temp.batch('12:30:00', jsonb_build_array(
    pg_temp.event(3, '12:29:00', '{"ct_id": 9, "orig_src": "192.168.1.131",
        "start_sent": "12:20:00.55", "stop_sent": "12:29:00"}')));

-- The same tuple and id again, and again; the last is open.
SELECT pg_temp.batch('12:40:00', jsonb_build_array(
    pg_temp.event(1, '12:31:00'),
    pg_temp.event(3, '12:32:00', '{"start_sent": "12:30:59.9", "stop_sent": "12:32:00"}')));
SELECT pg_temp.batch('12:41:00', jsonb_build_array(pg_temp.event(1, '12:40:30')));
SELECT results_eq(
    $$SELECT pg_temp.who('1.2.3.4', 53500, '12:31:30')$$,
    $$VALUES ('gw1 outward 192.168.1.129:53400 ended exact')$$,
    'same tuple and id: the first');
SELECT is_empty($$SELECT pg_temp.who('1.2.3.4', 53500, '12:32:10')$$, 'none between them');
SELECT results_eq(
    $$SELECT pg_temp.who('1.2.3.4', 53500, '12:40:45')$$,
    $$VALUES ('gw1 outward 192.168.1.129:53400 open exact')$$,
    'same tuple and id: the second is open');

-- Twice more within one receive: all four bear one time.
SELECT pg_temp.batch('12:51:00', jsonb_build_array(
    pg_temp.event(3, '12:50:00', '{"start_sent": "12:40:30", "stop_sent": "12:49:59.1"}'),
    pg_temp.event(1, '12:50:00'), pg_temp.event(1, '12:50:00'),
    pg_temp.event(3, '12:50:00', '{"start_sent": "12:49:59.2", "stop_sent": "12:49:59.3"}'),
    pg_temp.event(3, '12:50:00', '{"start_sent": "12:49:59.4", "stop_sent": "12:49:59.5"}')));
SELECT results_eq(
    $$SELECT pg_temp.who('1.2.3.4', 53500, '12:49:59')$$,
    $$VALUES ('gw1 outward 192.168.1.129:53400 ended exact'),
        ('gw1 outward 192.168.1.129:53400 ended exact'),
        ('gw1 outward 192.168.1.129:53400 ended exact')$$,
    'three that ended in one second, told by their starts');
SELECT is_empty($$SELECT pg_temp.who('1.2.3.4', 53500, '12:50:30')$$, 'none of them is open');

-- And once more, of which the last stays open.
SELECT pg_temp.batch('12:56:00', jsonb_build_array(
    pg_temp.event(1, '12:55:00'), pg_temp.event(1, '12:55:00'),
    pg_temp.event(3, '12:55:00', '{"start_sent": "12:54:59.2", "stop_sent": "12:54:59.3"}')));
SELECT results_eq(
    $$SELECT pg_temp.who('1.2.3.4', 53500, '12:55:30')$$,
    $$VALUES ('gw1 outward 192.168.1.129:53400 open exact')$$,
    'two openings and one end of one time: one is open');
SELECT pg_temp.batch('12:57:00', jsonb_build_array(
    pg_temp.event(3, '12:56:30', '{"start_sent": "12:54:59.5", "stop_sent": "12:56:30"}')));

-- Kernels that send the event's time.
SELECT pg_temp.batch('13:00:05', jsonb_build_array(
    pg_temp.event(1, '13:00:01', '{"event_at": "13:00:00.900011"}')));
SELECT is_empty($$SELECT pg_temp.who('1.2.3.4', 53500, '12:59:59')$$,
    'the event''s time is sharp');
SELECT pg_temp.batch('13:00:15', jsonb_build_array(pg_temp.event(3, '13:00:10',
    '{"event_at": "13:00:10", "start_sent": "13:00:00.9", "stop_sent": "13:00:09"}')));
SELECT is(count(*), 1::bigint, 'an opening with the event''s time is closed by its flow')
    FROM ctaudit.who('1.2.3.4', 53500, pg_temp.at('13:00:00'), pg_temp.at('13:30:00'));

-- nf_conntrack_timestamp off: no start, no stop.
SELECT pg_temp.begin('13:50:00', 'live', 'gw3', '[]', '{"timestamp": 0}');
SELECT pg_temp.batch('14:10:00', jsonb_build_array(
    pg_temp.event(1, '14:00:00', '{"ct_id": 20}'), pg_temp.event(3, '14:05:00', '{"ct_id": 20}')),
    'gw3');
SELECT results_eq(
    $$SELECT started_at, ended_at, ended_source::text, exact FROM ctaudit.who('1.2.3.4', 53500,
        pg_temp.at('14:03:00'), pg_temp.at('14:03:01'))$$,
    $$VALUES (pg_temp.at('14:00:00'), pg_temp.at('14:05:00'), 'receiver', false)$$,
    'a flow without times takes the start of its opening; its end may have been earlier');
SELECT is_empty($$SELECT pg_temp.who('1.2.3.4', 53500, '13:40:00')$$,
    'and is not there before it');

-- Stop before start: the clock went back. The flow is there, without an end.
SELECT pg_temp.batch('15:10:00', jsonb_build_array(pg_temp.event(3, '15:05:00',
    '{"ct_id": 30, "start_sent": "15:04:00", "stop_sent": "14:05:00"}')));
SELECT results_eq(
    $$SELECT ended_at, ended_cause FROM ctaudit.who('1.2.3.4', 53500,
        pg_temp.at('15:04:30'), pg_temp.at('15:04:31'))$$,
    $$VALUES (NULL::timestamptz, 'stop before start: the clock went back')$$,
    'a stop before the start is no end');
SELECT is(stop_sent, pg_temp.at('14:05:00'), 'but it is kept as sent')
    FROM ctaudit.flow WHERE ct_id = 30;

-- Two gateways behind one public address.
SELECT pg_temp.begin('16:00:00', 'live', 'gw2');
SELECT pg_temp.batch('16:30:00', jsonb_build_array(pg_temp.event(1, '16:10:00', '{"ct_id": 41}')));
SELECT pg_temp.batch('16:30:00', jsonb_build_array(pg_temp.event(1, '16:10:00',
    '{"ct_id": 42, "orig_src": "192.168.1.140"}')), 'gw2');
SELECT set_eq(
    $$SELECT pg_temp.who('1.2.3.4', 53500, '16:20:00')$$,
    $$VALUES ('gw1 outward 192.168.1.129:53400 open exact'),
        ('gw2 outward 192.168.1.140:53400 open exact')$$,
    'two gateways, one public address');
SELECT results_eq(
    $$SELECT pg_temp.who('1.2.3.4', 53500, '16:20:00', NULL, NULL, 'gw2')$$,
    $$VALUES ('gw2 outward 192.168.1.140:53400 open exact')$$,
    'narrowed to one of them');

-- A row of the default partition counts like any other.
SELECT pg_temp.batch('16:31:00', jsonb_build_array(pg_temp.event(3, '2001-01-01 00:00:10',
    '{"ct_id": 50, "start_sent": "2001-01-01 00:00:01", "stop_sent": "2001-01-01 00:00:09"}')));
SELECT is(count(*), 1::bigint, 'a time without a partition')
    FROM ctaudit.who('1.2.3.4', 53500, '2001-01-01 00:00:05', '2001-01-01 00:00:06');

SELECT * FROM finish();
ROLLBACK;
