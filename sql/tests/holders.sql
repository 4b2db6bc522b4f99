-- Who had an address: what each role may do with it, and when who names somebody.
\ir helpers.psql
SELECT plan(29);

CREATE ROLE may_ask LOGIN IN ROLE ctaudit_auditor;
CREATE ROLE may_record LOGIN IN ROLE ctaudit_recorder;
CREATE ROLE may_maintain LOGIN IN ROLE ctaudit_maintainer;
CREATE ROLE may_supervise LOGIN IN ROLE ctaudit_supervisor;
CREATE ROLE may_say LOGIN IN ROLE ctaudit_registrar;
GRANT USAGE ON SCHEMA public TO PUBLIC;
CREATE TABLE attempt AS SELECT * FROM (VALUES
    ('set_holder', $$SELECT ctaudit.set_holder('192.168.1.129', 'Ann',
        '2026-11-24 09:00+00', '2026-11-24 11:00+00', 'dhcp')$$),
    ('end_holder', $$SELECT ctaudit.end_holder('10.0.0.1', '2026-11-24 11:00+00', 'dhcp')$$),
    ('set_holders', $$SELECT * FROM ctaudit.set_holders('dhcp', '2026-11-24 10:00+00', false,
        '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}')$$)
) AS q (name, statement);
GRANT SELECT ON attempt TO PUBLIC;
CREATE FUNCTION pg_temp.named(p_from text) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT concat_ws(' ', host((w.connection).host), w.holder ->> 'name', w.holder ->> 'source')
    FROM ctaudit.who_and_holder(
        '1.2.3.4', 53500, pg_temp.at(p_from), pg_temp.at(p_from) + interval '1 second'
    ) AS w;
$$;
SELECT pg_temp.begin('10:00:00');
SELECT pg_temp.batch('10:10:00', jsonb_build_array(
    pg_temp.event(1, '10:05:00'), pg_temp.event(3, '10:08:00')
));

SET LOCAL SESSION AUTHORIZATION may_ask;
SELECT is(h.holder, NULL, 'there is no holder') FROM ctaudit.who_and_holder(
    '1.2.3.4', 53500, '2026-11-24 10:06+00', '2026-11-24 10:07+00') AS h;
SELECT throws_ok(a.statement, '42501', NULL, 'an auditor may not: ' || a.name) FROM attempt AS a;
SELECT throws_ok('SELECT * FROM ctaudit.holder', '42501', NULL, 'nor read holders');
SELECT throws_ok($$SELECT ctaudit.holder_of(w, now())
    FROM ctaudit.who('1.2.3.4', 53500, '2026-11-24 10:06+00', '2026-11-24 10:07+00') AS w$$,
    '42501', NULL, 'nor ask for one apart');
SET LOCAL SESSION AUTHORIZATION may_record;
SELECT throws_ok(a.statement, '42501', NULL, 'a recorder may not: ' || a.name) FROM attempt AS a;
SET LOCAL SESSION AUTHORIZATION may_maintain;
SELECT throws_ok(a.statement, '42501', NULL, 'nor a maintainer: ' || a.name) FROM attempt AS a;
SELECT is(ctaudit.delete_holders(30), 0::bigint, 'which deletes what is old');
SET LOCAL SESSION AUTHORIZATION may_supervise;
SELECT throws_ok(a.statement, '42501', NULL, 'nor a supervisor: ' || a.name) FROM attempt AS a;
SELECT throws_ok('SELECT * FROM ctaudit.holder', '42501', NULL, 'who reads none either');

SET LOCAL SESSION AUTHORIZATION may_say;
SELECT lives_ok(a.statement, 'a registrar may: ' || a.name) FROM attempt AS a;
SELECT throws_ok('SELECT * FROM ctaudit.holder', '42501', NULL, 'and reads nothing');
SELECT throws_ok($$SELECT * FROM ctaudit.who('1.2.3.4', 1, now(), now())$$, '42501', NULL,
    'nor asks');
SELECT throws_ok($$SELECT ctaudit.delete_holders(1)$$, '42501', NULL, 'nor deletes');

SET LOCAL SESSION AUTHORIZATION may_ask;
SELECT results_eq($$SELECT pg_temp.named('10:06:00')$$, $$VALUES ('192.168.1.129 Ann dhcp')$$,
    'the auditor is told with the connection');
SELECT results_eq($$SELECT question, answers FROM ctaudit.inquiries()$$,
    $$VALUES ('who', 1::bigint), ('who', 1), ('holder', 1)$$, 'and that is on record');

SET LOCAL SESSION AUTHORIZATION may_say;
SELECT is(ctaudit.set_holder('192.168.1.129', 'Ben', '2026-11-24 10:07+00', NULL, 'dhcp'),
    'added, shortened another', 'another holder from the middle on');
SET LOCAL SESSION AUTHORIZATION may_ask;
SELECT results_eq($$SELECT pg_temp.named('10:06:00')$$, $$VALUES ('192.168.1.129')$$,
    'nobody is named');
RESET SESSION AUTHORIZATION;
SELECT results_eq(
    $$SELECT holder, to_char(valid_until, 'HH24:MI'), set_by FROM ctaudit.holder ORDER BY holder$$,
    $$VALUES ('Ann', '10:07', 'may_say'), ('Ben', NULL, 'may_say')$$, 'two intervals');
SELECT throws_ok($$INSERT INTO ctaudit.holder (network, valid_from, valid_until, holder, source)
    VALUES ('10.0.0.0/8', now(), now(), 'x', 'x')$$, '23514', NULL, 'none is empty');
SELECT * FROM finish();
ROLLBACK;
