-- Why a question is asked: what is on record of it, when it must be said, and who may name a person.
\ir helpers.psql
SELECT plan(36);

CREATE ROLE may_ask LOGIN IN ROLE ctaudit_auditor;
CREATE ROLE may_ask_too LOGIN IN ROLE ctaudit_auditor;
CREATE ROLE front_end LOGIN IN ROLE ctaudit_front;
CREATE ROLE may_supervise LOGIN IN ROLE ctaudit_supervisor;
CREATE ROLE may_own LOGIN IN ROLE ctaudit_owner;
GRANT USAGE ON SCHEMA public TO PUBLIC;
CREATE TABLE question AS SELECT * FROM (VALUES
    ('who', $$SELECT * FROM ctaudit.who('1.2.3.4', 5, '2026-11-24', '2026-11-25')$$),
    ('nearby', $$SELECT * FROM ctaudit.nearby('1.2.3.4', 5, '2026-11-24', '2026-11-25')$$),
    ('flows', $$SELECT * FROM ctaudit.flows(p_nat => '1.2.3.4')$$),
    ('live', $$SELECT * FROM ctaudit.live('gw1', '10.0.0.1')$$),
    ('traffic', $$SELECT * FROM ctaudit.traffic('2026-11-24', '2026-11-25')$$),
    ('durations', $$SELECT * FROM ctaudit.durations('2026-11-24', '2026-11-25')$$),
    ('ulog2_ct', $$SELECT * FROM ctaudit.ulog2_ct$$)
) AS q (name, statement);
GRANT SELECT ON question TO PUBLIC;
SELECT pg_temp.begin('10:00:00');
SELECT pg_temp.batch('10:10:00', jsonb_build_array(pg_temp.event(1, '10:05:00')));

SET LOCAL SESSION AUTHORIZATION may_ask;
SELECT ok(NOT ctaudit.requires_reason(), 'no reason is required at first');
SELECT lives_ok(q.statement, q.name || ' is answered without one') FROM question AS q;
SELECT throws_ok('SELECT ctaudit.require_reason(false)', '42501', NULL, 'an auditor sets no rule');
SELECT throws_ok($$SELECT ctaudit.set_purpose('1', 'x', 'Ann')$$, '42501',
    'the login may_ask may not name a person for whom it asks', 'nor names a person');
SELECT throws_ok($$SELECT ctaudit.set_purpose(repeat('1', 201))$$, '22023', NULL, 'not too long');
SELECT throws_ok($$SELECT ctaudit.set_purpose('1', E'a\nb')$$, '22023', NULL, 'in one line');

SET LOCAL SESSION AUTHORIZATION may_own;
SELECT lives_ok('SELECT ctaudit.require_reason(true)', 'the owner sets a rule');
SET LOCAL SESSION AUTHORIZATION may_ask;
SELECT throws_ok(q.statement, 'CT006', 'this record answers no question without a case and a reason',
    q.name || ' is refused without a reason') FROM question AS q;
SELECT ctaudit.set_purpose('2026-17', ' ');
SELECT throws_ok(statement, 'CT006', NULL, 'a blank reason is none')
FROM question WHERE name = 'who';
SELECT ctaudit.set_purpose(' 2026-17 ', 'a letter');
SELECT lives_ok(q.statement, q.name || ' is answered with one') FROM question AS q;
SELECT results_eq(
    $$SELECT question, answers FROM ctaudit.inquiries('2026-17') WHERE reason = 'a letter'$$,
    $$VALUES ('who', 0::bigint), ('nearby', 0), ('flows', 1), ('live', 0), ('traffic', 14),
        ('durations', 0), ('ulog2_ct', NULL)$$,
    'each is on record with it'
);

-- What somebody else has left in a pooler's session.
SELECT set_config('ctaudit.purpose', jsonb_set(
    current_setting('ctaudit.purpose')::jsonb, '{transaction}', '"1/2"')::text, true);
SELECT throws_ok(statement, '22023', NULL, 'what was set in another transaction is refused')
FROM question WHERE name = 'who';
SELECT set_config('ctaudit.purpose', '{"case"', true);
SELECT throws_ok(statement, '22023', NULL, 'and what is no object')
FROM question WHERE name = 'who';
SELECT set_config('ctaudit.purpose', '', true);

SET LOCAL SESSION AUTHORIZATION front_end;
SELECT ctaudit.set_purpose('2026-18', 'a mail', 'Ann');
SELECT lives_ok(statement, 'a front end asks for a person') FROM question WHERE name = 'who';
SELECT is(on_behalf_of, 'Ann', 'who is on record') FROM ctaudit.inquiries(p_by => 'Ann');
SELECT is(count(*), 1::bigint, 'it sees its own questions only') FROM ctaudit.inquiries();

SET LOCAL SESSION AUTHORIZATION may_ask;
SELECT throws_ok(statement, '42501', NULL, 'no other login takes the name over')
FROM question WHERE name = 'who';
SET LOCAL SESSION AUTHORIZATION may_supervise;
SELECT set_eq('SELECT DISTINCT asked_by FROM ctaudit.inquiries()', ARRAY['may_ask', 'front_end'],
    'a supervisor sees all');
SELECT * FROM finish();
ROLLBACK;
