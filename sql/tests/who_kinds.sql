-- who for other protocols and ways: DNAT inward, IPv6, ICMP, protocols without ports, days.
\ir helpers.psql
SELECT plan(22);

SELECT pg_temp.begin('10:00:00');

-- Destination NAT: 1.2.3.4:8080 is 192.168.1.10:80 inside; three clients, one has left.
SELECT pg_temp.batch('10:30:00', jsonb_build_array(
    pg_temp.event(1, '10:10:00', '{"ct_id": 1, "status": 430,
        "orig_src": "5.6.7.8", "orig_sport": 4001, "orig_dst": "1.2.3.4", "orig_dport": 8080,
        "reply_src": "192.168.1.10", "reply_sport": 80, "reply_dst": "5.6.7.8", "reply_dport": 4001}'),
    pg_temp.event(1, '10:10:00', '{"ct_id": 2, "status": 430,
        "orig_src": "5.6.7.9", "orig_sport": 4002, "orig_dst": "1.2.3.4", "orig_dport": 8080,
        "reply_src": "192.168.1.11", "reply_sport": 80, "reply_dst": "5.6.7.9", "reply_dport": 4002}'),
    pg_temp.event(3, '10:12:00', '{"ct_id": 3, "status": 430,
        "orig_src": "5.6.7.9", "orig_sport": 4003, "orig_dst": "1.2.3.4", "orig_dport": 8080,
        "reply_src": "192.168.1.11", "reply_sport": 80, "reply_dst": "5.6.7.9", "reply_dport": 4003,
        "start_sent": "10:05:00", "stop_sent": "10:11:00"}')));
SELECT pg_temp.batch('10:31:00');
SELECT set_eq(
    $$SELECT host(host) AS h, host_port, host(remote) AS r, remote_port, direction FROM ctaudit.who(
        '1.2.3.4', 8080, pg_temp.at('10:20:00'), pg_temp.at('10:20:01'))$$,
    $$VALUES ('192.168.1.10', 80, '5.6.7.8', 4001, 'inward'),
        ('192.168.1.11', 80, '5.6.7.9', 4002, 'inward')$$,
    'who reached the forwarded port, and which server it was');
SELECT set_eq(
    $$SELECT host(host), remote_port FROM ctaudit.who(
        '1.2.3.4', 8080, pg_temp.at('10:10:59'), pg_temp.at('10:11:00'), '5.6.7.9')$$,
    $$VALUES ('192.168.1.11', 4002), ('192.168.1.11', 4003)$$,
    'those of one remote address');
SELECT set_eq(
    $$SELECT host(host) FROM ctaudit.who(
        '1.2.3.4', 8080, pg_temp.at('10:10:59'), pg_temp.at('10:11:00'), '5.6.7.9', 4003)$$,
    $$VALUES ('192.168.1.11')$$,
    'and of one remote port');
SELECT is_empty(
    $$SELECT pg_temp.who('1.2.3.4', 80, '10:20:00')$$, 'the internal port is not the public one');

SELECT pg_temp.batch('10:32:00', jsonb_build_array(pg_temp.event(1, '10:31:30', '{"ct_id": 9,
    "status": 8, "orig_src": "5.6.7.8", "orig_sport": 4009, "orig_dst": "1.2.3.4", "orig_dport": 22,
    "reply_src": "1.2.3.4", "reply_sport": 22, "reply_dst": "5.6.7.8", "reply_dport": 4009}')));
SELECT set_eq(
    $$SELECT host(host) AS h, host_port, host(remote) AS r, remote_port, direction FROM ctaudit.who(
        '1.2.3.4', 22, pg_temp.at('10:31:50'), pg_temp.at('10:31:51'))$$,
    $$VALUES ('1.2.3.4', 22, '5.6.7.8', 4009, 'inward')$$,
    'a port of the gateway itself is its own');

-- From inside to the public address, translated both ways: each side has its own answer.
SELECT pg_temp.batch('10:41:00', jsonb_build_array(
    pg_temp.event(1, '10:40:00', '{"ct_id": 4, "status": 446,
        "orig_src": "192.168.1.129", "orig_sport": 5000, "orig_dst": "1.2.3.4", "orig_dport": 8080,
        "reply_src": "192.168.1.10", "reply_sport": 80, "reply_dst": "192.168.1.1", "reply_dport": 6000}')));
SELECT pg_temp.batch('10:42:00');
SELECT results_eq(
    $$SELECT direction, host(host), host_port FROM ctaudit.who('192.168.1.1', 6000,
        pg_temp.at('10:41:30'), pg_temp.at('10:41:31'))$$,
    $$VALUES ('outward', '192.168.1.129', 5000)$$,
    'the server asks who called: the client');
SELECT results_eq(
    $$SELECT direction, host(host), host_port FROM ctaudit.who('1.2.3.4', 8080,
        pg_temp.at('10:41:30'), pg_temp.at('10:41:31'), '192.168.1.129')$$,
    $$VALUES ('inward', '192.168.1.10', 80)$$,
    'the client asks who answered: the server');

-- The forwarded port reached through a masquerade with the same address and port: once.
SELECT pg_temp.batch('10:44:00', jsonb_build_array(
    pg_temp.event(1, '10:43:00', '{"ct_id": 5, "status": 446,
        "orig_src": "192.168.1.129", "orig_sport": 5001, "orig_dst": "1.2.3.9", "orig_dport": 99,
        "reply_src": "192.168.1.10", "reply_sport": 80, "reply_dst": "1.2.3.9", "reply_dport": 99}')));
SELECT is(count(*), 1::bigint, 'one connection that fits both ways is one row')
    FROM ctaudit.who('1.2.3.9', NULL, pg_temp.at('10:43:30'), pg_temp.at('10:43:31'));

-- IPv6, not translated: the host itself.
SELECT pg_temp.batch('11:00:00', jsonb_build_array(pg_temp.event(1, '10:50:00', '{"ct_id": 6,
    "status": 6, "orig_src": "2a01:e35:1394:5bd0::129", "orig_dst": "2001:41d0:1:9598::1",
    "reply_src": "2001:41d0:1:9598::1", "reply_dst": "2a01:e35:1394:5bd0::129",
    "orig_sport": 51162, "orig_dport": 22, "reply_sport": 22, "reply_dport": 51162}')));
SELECT pg_temp.batch('11:00:01');
SELECT results_eq(
    $$SELECT pg_temp.who('2a01:e35:1394:5bd0:0::129', 51162, '10:55:00')$$,
    $$VALUES ('gw1 outward 2a01:e35:1394:5bd0::129:51162 open exact')$$,
    'IPv6, in whatever spelling');

-- ICMP: the id stands where the client's port stands; NAT changed it.
SELECT pg_temp.batch('11:11:00', jsonb_build_array(
    pg_temp.event(1, '11:10:00', '{"ct_id": 10, "proto": 1, "orig_sport": 77, "orig_dport": null,
        "reply_sport": null, "reply_dport": 78, "orig_icmp_type": 8, "orig_icmp_code": 0,
        "reply_icmp_type": 0, "reply_icmp_code": 0}'),
    pg_temp.event(1, '11:10:00', '{"ct_id": 11, "proto": 1, "orig_sport": 77, "orig_dport": null,
        "reply_sport": null, "reply_dport": 79, "orig_icmp_type": 8, "orig_icmp_code": 0,
        "orig_src": "192.168.1.130", "reply_icmp_type": 0, "reply_icmp_code": 0}')));
SELECT pg_temp.batch('11:12:00');
SELECT results_eq(
    $$SELECT host(host), host_port, remote_port FROM ctaudit.who('1.2.3.4', 78,
        pg_temp.at('11:11:30'), pg_temp.at('11:11:31'))$$,
    $$VALUES ('192.168.1.129', 77, NULL::integer)$$,
    'ICMP by its id');
SELECT is(count(*), 2::bigint, 'ICMP without an id: all that were there')
    FROM ctaudit.who('1.2.3.4', NULL, pg_temp.at('11:11:30'), pg_temp.at('11:11:31'),
        NULL, NULL, 1::smallint);
SELECT pg_temp.batch('11:13:00', jsonb_build_array(
    pg_temp.event(3, '11:12:30', '{"ct_id": 10, "proto": 1, "orig_sport": 77, "orig_dport": null,
        "reply_sport": null, "reply_dport": 78, "orig_icmp_type": 8, "orig_icmp_code": 0,
        "reply_icmp_type": 0, "reply_icmp_code": 0,
        "start_sent": "11:09:59.9", "stop_sent": "11:12:20"}')));
SELECT results_eq(
    $$SELECT state FROM ctaudit.who('1.2.3.4', 78, pg_temp.at('11:11:30'), pg_temp.at('11:11:31'))$$,
    $$VALUES ('ended')$$,
    'ICMP is closed by its flow, without ports');

-- A protocol without ports (ESP).
SELECT pg_temp.batch('11:15:00', jsonb_build_array(pg_temp.event(1, '11:14:00',
    '{"ct_id": 12, "proto": 50, "orig_sport": null, "orig_dport": null, "reply_sport": null,
      "reply_dport": null}')));
SELECT pg_temp.batch('11:16:00');
SELECT results_eq(
    $$SELECT host(host), host_port FROM ctaudit.who('1.2.3.4', NULL, pg_temp.at('11:15:30'),
        pg_temp.at('11:15:31'), NULL, NULL, 50::smallint)$$,
    $$VALUES ('192.168.1.129', NULL::integer)$$,
    'a protocol without ports');

-- Zones keep equal tuples apart.
SELECT pg_temp.batch('11:20:00', jsonb_build_array(
    pg_temp.event(1, '11:17:00', '{"ct_id": 13, "zone": 1}'),
    pg_temp.event(1, '11:17:01', '{"ct_id": 13, "zone": 2}')));
SELECT pg_temp.batch('11:20:30', jsonb_build_array(pg_temp.event(3, '11:20:10',
    '{"ct_id": 13, "zone": 2, "start_sent": "11:16:59", "stop_sent": "11:20:00"}')));
SELECT set_eq(
    $$SELECT zone, state FROM ctaudit.who('1.2.3.4', 53500, pg_temp.at('11:19:00'),
        pg_temp.at('11:19:01'))$$,
    $$VALUES (1, 'open'), (2, 'ended')$$,
    'the same tuple and id in two zones');

-- Open since days, through several dumps: opening and end in other partitions.
SELECT pg_temp.begin('2026-11-20 08:00:00', 'live', 'old');
SELECT pg_temp.batch('2026-11-20 09:00:00', jsonb_build_array(
    pg_temp.event(1, '2026-11-20 08:30:00', '{"reply_dport": 60000}')), 'old');
SELECT pg_temp.dump('2026-11-21 08:00:00', jsonb_build_array(pg_temp.event(4,
    '2026-11-21 08:00:01', '{"reply_dport": 60000, "start_sent": "2026-11-20 08:29:59.99"}')), 'old');
SELECT pg_temp.dump('2026-11-22 08:00:00', jsonb_build_array(pg_temp.event(4,
    '2026-11-22 08:00:01', '{"reply_dport": 60000, "start_sent": "2026-11-20 08:29:59.99"}')), 'old');
SELECT pg_temp.batch('2026-11-23 08:00:00', '[]', 'old');
SELECT results_eq(
    $$SELECT state, exact, started_at FROM ctaudit.who('1.2.3.4', 60000,
        pg_temp.at('2026-11-22 20:00:00'), pg_temp.at('2026-11-22 20:00:01'))$$,
    $$VALUES ('open', true, pg_temp.at('2026-11-20 08:29:59.99'))$$,
    'open since days, known by the last dump');
SELECT results_eq(
    $$SELECT state, exact, started_at FROM ctaudit.who('1.2.3.4', 60000,
        pg_temp.at('2026-11-20 08:45:00'), pg_temp.at('2026-11-20 08:45:01'))$$,
    $$VALUES ('open', true, pg_temp.at('2026-11-20 08:29:59.99'))$$,
    'open since days, asked about its beginning: one row');
SELECT results_eq(
    $$SELECT state, exact, started_at FROM ctaudit.who('1.2.3.4', 60000,
        pg_temp.at('2026-11-20 08:45:00'), pg_temp.at('2026-11-23 07:45:01'))$$,
    $$VALUES ('open', true, pg_temp.at('2026-11-20 08:30:00'))$$,
    'a span of days: one row');
SELECT pg_temp.batch('10:00:00', jsonb_build_array(pg_temp.event(3, '09:00:01',
    '{"reply_dport": 60000, "start_sent": "2026-11-20 08:29:59.99", "stop_sent": "09:00:00"}')), 'old');
SELECT results_eq(
    $$SELECT state, exact, started_at FROM ctaudit.who('1.2.3.4', 60000,
        pg_temp.at('2026-11-22 20:00:00'), pg_temp.at('2026-11-22 20:00:01'))$$,
    $$VALUES ('ended', true, pg_temp.at('2026-11-20 08:29:59.99'))$$,
    'ended days later: asked about a time between two dumps');
SELECT results_eq(
    $$SELECT state, exact FROM ctaudit.who('1.2.3.4', 60000,
        pg_temp.at('2026-11-20 08:30:00'), pg_temp.at('2026-11-20 08:30:01'))$$,
    $$VALUES ('ended', true)$$, 'asked about its first second');
SELECT is_empty($$SELECT pg_temp.who('1.2.3.4', 60000, '09:00:01', NULL, NULL, 'old')$$,
    'over after its end');
SELECT results_eq(
    $$SELECT state, exact, ended_at FROM ctaudit.who('1.2.3.4', 60000,
        pg_temp.at('2026-11-20 20:00:00'), pg_temp.at('2026-11-20 20:00:01'), p_node => 'old')$$,
    $$VALUES ('ended', true, pg_temp.at('09:00:00'))$$,
    'an end that came long after the dump that bounds the question');
SELECT is(count(*), 1::bigint, 'entries of dumps made no second opening')
    FROM ctaudit.opening WHERE node = 'old';

SELECT * FROM finish();
ROLLBACK;
