-- What a login with ctaudit_maintainer alone may do, and what it may not.
\ir helpers.psql
SELECT plan(41);

CREATE ROLE may_maintain LOGIN IN ROLE ctaudit_maintainer;
GRANT USAGE ON SCHEMA public TO may_maintain;
SELECT pg_temp.begin('10:00:00');
SELECT pg_temp.batch('10:10:00', jsonb_build_array(pg_temp.event(1, '10:05:00')));
SELECT ctaudit.set_hold('2026-17', '2020-01-02 12:00+00', now());
SET LOCAL SESSION AUTHORIZATION may_maintain;

SELECT ok(NOT pg_has_role('ctaudit_owner', 'MEMBER'), 'no member of the owner');
SELECT throws_ok('SET ROLE ctaudit_owner', '42501', NULL, 'cannot become the owner');

-- The steps.
SELECT lives_ok(
    'SELECT ctaudit.schema_version(), ctaudit.compatible_since()', 'may ask for the version'
);
SELECT lives_ok('SELECT * FROM ctaudit.due_steps(30)', 'may ask what is due');
SELECT lives_ok($$SELECT ctaudit.make_partition('flow', current_date + 20)$$, 'may make a day');
SELECT lives_ok('SELECT * FROM ctaudit.trim_before(30)', 'may trim');
SELECT lives_ok($$SELECT ctaudit.drop_partition('flow', '2020-01-01', 30)$$, 'may drop an old day');
SELECT lives_ok($$SELECT ctaudit.delete_old('flow', 30)$$, 'may delete old rows');
SELECT lives_ok('SELECT ctaudit.delete_inquiries(30)', 'may delete old inquiries');
SELECT lives_ok($$SELECT ctaudit.set_freezing('flow', current_date - 1)$$, 'may set freezing');
SELECT lives_ok($$SELECT ctaudit.sum_day('gw1', '2020-01-01')$$, 'may sum a day');
SELECT lives_ok($$SELECT * FROM ctaudit.lock_holders('flow')$$, 'may ask who holds a lock');

-- Their bounds.
SELECT throws_ok($$SELECT ctaudit.drop_partition('flow', current_date, 1)$$, '22023', NULL,
    'cannot drop today');
SELECT throws_ok($$SELECT ctaudit.drop_partition('flow', current_date - 1, 1)$$, '22023', NULL,
    'cannot drop yesterday');
SELECT throws_ok($$SELECT ctaudit.drop_partition('flow', current_date - 5, 0)$$, '22023', NULL,
    'nor with no retention at all');
SELECT throws_ok('SELECT * FROM ctaudit.trim_before(0)', '22023', NULL, 'cannot trim all');
SELECT throws_ok('SELECT * FROM ctaudit.trim_before(NULL)', '22023', NULL, 'nor without a number');
SELECT throws_ok('SELECT ctaudit.delete_inquiries(29)', '22023', NULL,
    'cannot delete what was asked within 30 days');
SELECT throws_ok('SELECT ctaudit.delete_inquiries(NULL)', '22023', NULL, 'nor all');
SELECT throws_ok($$SELECT ctaudit.delete_old('flow', -1)$$, '22023', NULL, 'cannot delete all');
SELECT throws_ok($$SELECT ctaudit.make_partition('inquiry', current_date)$$, '22023', NULL,
    'partitions of the three tables only');
SELECT throws_ok($$SELECT ctaudit.make_partition('flow', '4000-01-01')$$, '22023', NULL,
    'and of days near now only');
SELECT throws_ok($$SELECT ctaudit.set_freezing('flow', current_date)$$, '22023', NULL,
    'today is not over');

SELECT throws_ok(format('SELECT ctaudit.begin_copy(%L, %L)', t.name, t.day), '22023', NULL, t.why)
FROM (VALUES
    ('flow', current_date, 'today cannot be closed'),
    ('flow', current_date - 1, 'nor a day that is not settled'),
    ('inquiry', current_date - 1, 'nor another table')
) AS t (name, day, why);
SELECT throws_ok(format('SELECT ctaudit.copy_partition(%L, %L)', t.name, current_date - 1), '22023', NULL,
    'nothing is copied that is not being closed')
FROM (VALUES ('flow'), ('inquiry')) AS t (name);
SELECT throws_ok(format('SELECT ctaudit.exchange_partition(%L, %L)', t.name, current_date - 1),
    '22023', NULL, 'nor exchanged')
FROM (VALUES ('flow'), ('inquiry')) AS t (name);

-- Nothing else.
SELECT throws_ok(format('SELECT * FROM ctaudit.%I', t.name), '42501', NULL, 'reads no ' || t.name)
FROM unnest(ARRAY['opening', 'flow_row', 'inquiry', 'hold']) AS t (name);
SELECT throws_ok('DELETE FROM ctaudit.flow_default', '42501', NULL, 'changes no table');
SELECT throws_ok('DROP TABLE ctaudit.flow_default', '42501', NULL, 'drops none by itself');
SELECT throws_ok($$SELECT * FROM ctaudit.who('1.2.3.4', 1, now(), now())$$, '42501', NULL,
    'does not ask');
SELECT throws_ok($$SELECT ctaudit.retire_node('gw1')$$, '42501', NULL, 'retires no gateway');
SELECT throws_ok($$SELECT ctaudit.set_hold('x', now(), now() + interval '1 day')$$, '42501', NULL,
    'sets no hold');
SELECT throws_ok($$SELECT ctaudit.lift_hold('2026-17')$$, '42501', NULL, 'lifts none');
SELECT throws_ok('SELECT ctaudit.note_rewrite()', '42501', NULL, 'marks nothing as rewritten');
RESET SESSION AUTHORIZATION;
SELECT * FROM finish();
ROLLBACK;
