-- What a login of gateway gw1 may do of its own node, and that it may do nothing of another's. Its
-- neighbour gw2 has a login of its own; nobody is the name of no gateway.
\ir helpers.psql
SELECT plan(112);

CREATE ROLE gw1_login LOGIN IN ROLE ctaudit_recorder;
CREATE ROLE gw2_login LOGIN IN ROLE ctaudit_recorder;
CREATE ROLE both_login LOGIN IN ROLE ctaudit_recorder, ctaudit_auditor;
CREATE ROLE may_ask LOGIN IN ROLE ctaudit_auditor;
CREATE ROLE may_maintain LOGIN IN ROLE ctaudit_maintainer;
CREATE ROLE may_own LOGIN IN ROLE ctaudit_owner;
CREATE ROLE may_nothing LOGIN;
GRANT USAGE ON SCHEMA public TO PUBLIC;

SELECT pg_temp.begin('10:00:00', p_node => 'gw1', p_detail => '{"pair": "gw2"}');
SELECT pg_temp.begin('10:00:00', p_node => 'gw2', p_detail => '{"pair": "gw1"}');
SELECT pg_temp.note('10:05:00', 'stop', '{}', 'gw2');
SELECT ctaudit.add_login('gw1', 'gw1_login', 'its own');
SELECT ctaudit.add_login('gw2', 'gw2_login');
SELECT ctaudit.add_login('gw1', 'both_login');

-- Each procedure, each note and each question of a recorder, with the name of a node and a stream.
-- Whoever asks about gw2 knows its stream.
CREATE TABLE known AS SELECT s.node, s.stream, s.position FROM ctaudit.stream AS s;
INSERT INTO known VALUES ('nobody', gen_random_uuid(), 0);
GRANT SELECT ON known TO PUBLIC;
CREATE TABLE tries AS
SELECT k.node, t.name, replace(replace(replace(
    t.statement, '%NODE', quote_literal(k.node)), '%STREAM', quote_literal(k.stream)),
    '%POSITION', k.position || ', ' || k.position + 10) AS statement
FROM known AS k, (
    SELECT p.proname::text, format(
        'CALL ctaudit.%I(%%NODE, %%STREAM, %%POSITION, now()%s)', p.proname,
        repeat(', ''{}''', p.pronargs - 5)
    )
    FROM pg_proc AS p
    WHERE p.pronamespace = 'ctaudit'::regnamespace AND p.prokind = 'p' AND p.proname <> 'record_note'
    UNION ALL
    SELECT 'note ' || n.note, format(
        'CALL ctaudit.record_note(%%NODE, %s, %s, ''2000-01-01'', %L, ''{}'')',
        CASE n.note WHEN 'start' THEN 'gen_random_uuid()' ELSE '%STREAM' END,
        CASE n.note WHEN 'start' THEN '0, 10' ELSE '%POSITION' END, n.note
    )
    FROM unnest(ARRAY[
        'start', 'resume', 'stop', 'overrun', 'dump begin', 'dump end', 'dropped', 'missing',
        'undecodable', 'clock', 'settings', 'clashes', 'scope'
    ]) AS n (note)
    UNION ALL VALUES
        ('resume_position', 'SELECT ctaudit.resume_position(%NODE, %STREAM)'),
        ('filter_at', 'SELECT ctaudit.filter_at(%NODE, %STREAM, 1)'),
        ('refresh_live_copy', 'SELECT ctaudit.refresh_live_copy(%NODE, %STREAM)'),
        ('unannounced', 'SELECT * FROM ctaudit.unannounced(%NODE)'),
        ('outside_scope', 'SELECT * FROM ctaudit.outside_scope(%NODE)'),
        ('pairs', 'SELECT * FROM ctaudit.pairs(%NODE)'),
        ('own_metrics', 'SELECT * FROM ctaudit.own_metrics(%NODE)'),
        ('canary', 'SELECT ctaudit.canary(%NODE, %STREAM, now(), 40000, 9)'),
        ('set_canary', 'SELECT ctaudit.set_canary(%NODE, %STREAM, now())')
) AS t (name, statement);
GRANT SELECT ON tries TO PUBLIC;
-- How many rows each table has, and the places of all streams.
CREATE FUNCTION pg_temp.state() RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(query_to_xml(
        format('SELECT count(*), md5(string_agg(t::text, '''' ORDER BY t::text)) FROM ctaudit.%I AS t',
            c.relname), false, false, '')::text, '' ORDER BY c.relname)
    FROM pg_class AS c WHERE c.relnamespace = 'ctaudit'::regnamespace AND c.relkind = 'r';
$$;
CREATE TABLE before AS SELECT pg_temp.state() AS state;

SET LOCAL SESSION AUTHORIZATION gw1_login;
SELECT throws_ok(t.statement, 'CT005', format('the login gw1_login does not record as %s', t.node),
    'gw1 is refused: ' || t.name || ' as ' || t.node)
FROM tries AS t WHERE t.node <> 'gw1' ORDER BY t.node, t.name;
SELECT throws_ok('SELECT * FROM ctaudit.pairs()', 'CT005', NULL, 'nor the pairs of all');
SET LOCAL ROLE ctaudit_recorder;
SELECT throws_ok($$CALL ctaudit.record_note('gw2', gen_random_uuid(), 0, 1, now(), 'start', '{}')$$,
    'CT005', 'the login gw1_login does not record as gw2', 'nor in the name of its group');
RESET ROLE;
-- It may be caught, by DO as well; nothing is left of it.
SELECT lives_ok($do$DO $$ BEGIN
    CALL ctaudit.record_note('gw2', gen_random_uuid(), 0, 1, now(), 'start', '{}');
EXCEPTION WHEN OTHERS THEN NULL; END $$ $do$, 'it may catch the refusal');
SELECT throws_ok(s, '42501', NULL, s) FROM unnest(ARRAY[
    $$SELECT ctaudit.add_login('gw2', 'gw1_login')$$,
    $$SELECT ctaudit.remove_login('gw2', 'gw2_login')$$,
    $$SELECT ctaudit.own_node('gw1', NULL)$$, $$SELECT ctaudit.is_own('gw2')$$,
    'SELECT * FROM ctaudit.node_login', 'SELECT * FROM ctaudit.login_change',
    $$INSERT INTO ctaudit.node_login VALUES ('gw2', 'gw1_login')$$,
    $$SELECT * FROM ctaudit.nodes()$$
]) AS s;
RESET SESSION AUTHORIZATION;
SELECT is(pg_temp.state(), (SELECT state FROM before), 'and nothing has changed');

-- Its own.
SET LOCAL SESSION AUTHORIZATION gw1_login;
SELECT is(ctaudit.resume_position('gw1', k.stream), k.position, 'gw1 is told where it resumes')
FROM known AS k WHERE k.node = 'gw1';
SELECT lives_ok(t.statement, 'gw1 may: ' || t.name) FROM tries AS t
WHERE t.node = 'gw1' AND t.name IN (
    'record_live', 'pairs', 'unannounced', 'outside_scope', 'own_metrics', 'canary', 'set_canary'
);
SELECT isnt((SELECT canary_at FROM ctaudit.own_metrics('gw1')), NULL, 'its canary has a time');
SELECT is((SELECT count(*) FROM ctaudit.own_metrics('gw1')), 1::bigint, 'the numbers are its own');
SELECT throws_ok('SELECT * FROM ctaudit.metrics()', '42501', NULL, 'nor are those of all told');
SELECT is((SELECT pair FROM ctaudit.pairs('gw1')), 'gw2', 'it is told its pair');
SELECT set_eq(
    $$SELECT CASE WHEN name LIKE 'note %' THEN 'record_note' ELSE name END FROM tries
        UNION VALUES ('schema_version'), ('compatible_since')$$,
    $$SELECT p.proname::text FROM pg_proc AS p WHERE p.pronamespace = 'ctaudit'::regnamespace
        AND has_function_privilege('ctaudit_recorder', p.oid, 'EXECUTE')$$,
    'nothing that a recorder may was left out'
);
-- A time that no clock has, which whoever lists all gateways would have to read.
SELECT throws_ok(format(
    $$CALL ctaudit.record_note('gw1', %L, %s, %s, %L, 'overrun', '{}')$$, k.stream, k.position,
    k.position + 10, at
), '22008', NULL, 'gw1 has no such time: ' || at)
FROM known AS k, unnest(ARRAY['infinity', '-infinity', '20000-01-01', '0044-03-15 BC']) AS at
WHERE k.node = 'gw1';
SELECT throws_ok(format(
    $$CALL ctaudit.record_note('gw1', %L, %s, %s, '2026-11-24 10:00+00', 'dropped', %L)$$,
    k.stream, k.position + 10, k.position + 20, detail
), '22008', NULL, 'nor one as in ' || detail)
FROM known AS k, unnest(ARRAY['{"until": "infinity"}', '{"from": "-infinity"}', '{"until": 1e20}'])
    AS detail
WHERE k.node = 'gw1';
SELECT throws_ok(replace(t.statement, 'now()', $$'infinity'$$), '22008', NULL,
    'nor is it covered until then')
FROM tries AS t WHERE t.node = 'gw1' AND t.name = 'record_live';
-- Its start note says that its spool was another's before: that one has ended by its own word only.
SELECT lives_ok(format(
    $$CALL ctaudit.record_note('gw1', gen_random_uuid(), 0, 10, '2026-11-24 10:10:00+00', 'start', %L)$$,
    jsonb_build_object('earlier', jsonb_build_object('node', 'gw2', 'stream', k.stream))
), 'gw1 starts and says that it was gw2') FROM known AS k WHERE k.node = 'gw2';
RESET SESSION AUTHORIZATION;
SELECT is((SELECT retired_at FROM ctaudit.node WHERE node = 'gw2'), NULL, 'gw2 is not retired by it');

-- A name that gw2 had is not free either, nor does a stream of gw2 make it gw1's.
SELECT ctaudit.rename_node('gw2', 'edge');
SET LOCAL SESSION AUTHORIZATION gw1_login;
SELECT throws_ok(format('SELECT ctaudit.resume_position(%L, %L)', name, k.stream), 'CT005',
    'the login gw1_login does not record as edge', 'gw1 is not told of ' || name)
FROM known AS k, unnest(ARRAY['gw2', 'edge']) AS name WHERE k.node = 'gw2';
SET LOCAL SESSION AUTHORIZATION gw2_login;
SELECT is(ctaudit.resume_position(name, k.stream), k.position, 'its login is, as ' || name)
FROM known AS k, unnest(ARRAY['gw2', 'edge']) AS name WHERE k.node = 'gw2';
SELECT throws_ok(
    $$CALL ctaudit.record_note('gw2', gen_random_uuid(), 0, 10, now(), 'start', '{}')$$,
    'CT005', 'the login gw2_login does not record as gw2', 'but makes no second gateway of it');
RESET SESSION AUTHORIZATION;
SELECT is((SELECT array_agg(login) FROM ctaudit.node_login WHERE node = 'edge'),
    '{gw2_login}', 'a renamed node keeps its login');

-- A node with two logins, a login with two nodes, and its end.
SELECT ctaudit.add_login('gw9', 'gw1_login');
SET LOCAL SESSION AUTHORIZATION gw1_login;
SELECT lives_ok(
    $$CALL ctaudit.record_note('gw9', gen_random_uuid(), 0, 10, now(), 'start', '{}')$$,
    'a node that is to come begins once it has the login');
SET LOCAL SESSION AUTHORIZATION both_login;
SELECT lives_ok($$SELECT * FROM ctaudit.unannounced('gw1')$$, 'the second login of gw1');
SELECT throws_ok($$SELECT * FROM ctaudit.unannounced('gw9')$$, 'CT005', NULL, 'and of it only');
SELECT isnt_empty('SELECT * FROM ctaudit.pairs()', 'an auditor is told all pairs');
SELECT isnt_empty('SELECT * FROM ctaudit.metrics()', 'and the numbers of all');
RESET SESSION AUTHORIZATION;
SELECT throws_ok($$SELECT ctaudit.add_login('gw1', 'gw1_login')$$, '55000',
    'the login gw1_login records as gw1 already', 'not twice');
SELECT throws_ok($$SELECT ctaudit.add_login('gw1', 'no such')$$, 'P0002',
    'this server has no login no such', 'no login that is not there');
SELECT throws_ok($$SELECT ctaudit.add_login('gw1', 'ctaudit_recorder')$$, 'P0002',
    'this server has no login ctaudit_recorder', 'no group');
SELECT throws_ok($$SELECT ctaudit.remove_login('gw1', 'gw2_login')$$, 'P0002',
    'the login gw2_login does not record as gw1', 'none is taken that it has not');
SELECT lives_ok($$SELECT ctaudit.remove_login('gw1', 'gw1_login', 'sold')$$, 'one is taken');
SET LOCAL SESSION AUTHORIZATION gw1_login;
SELECT throws_ok(t.statement, 'CT005', NULL, 'from the next CALL on') FROM tries AS t
WHERE t.node = 'gw1' AND t.name = 'resume_position';
RESET SESSION AUTHORIZATION;
SELECT is(
    (SELECT string_agg(concat_ws(' ', node, login, change, reason), ', ' ORDER BY login_change_id)
        FROM ctaudit.login_change WHERE login = 'gw1_login' AND changed_by = session_user),
    'gw1 gw1_login added its own, gw9 gw1_login added, gw1 gw1_login removed sold',
    'it is on record');

-- The owner is not bound; the others do not record at all.
SET LOCAL SESSION AUTHORIZATION may_own;
SELECT lives_ok(t.statement, 'the owner is not bound') FROM tries AS t
WHERE t.node = 'gw1' AND t.name = 'resume_position';
SET LOCAL SESSION AUTHORIZATION may_ask;
SELECT throws_ok(t.statement, '42501', NULL, 'an auditor does not record') FROM tries AS t
WHERE t.node = 'gw1' AND t.name = 'note start';
SELECT throws_ok(t.statement, '42501', NULL, 'nor asks for a canary') FROM tries AS t
WHERE t.node = 'gw1' AND t.name = 'canary';
SET LOCAL SESSION AUTHORIZATION may_maintain;
SELECT isnt_empty('SELECT * FROM ctaudit.metrics()', 'a maintainer is told the numbers of all');
SELECT throws_ok(t.statement, '42501', NULL, 'nor does a maintainer') FROM tries AS t
WHERE t.node = 'gw1' AND t.name = 'note start';
SET LOCAL SESSION AUTHORIZATION may_nothing;
SELECT throws_ok('SELECT * FROM ctaudit.metrics()', '42501', NULL, 'a stranger is told nothing');
SELECT throws_ok(t.statement, '42501', NULL, 'nor a stranger') FROM tries AS t
WHERE t.node = 'gw1' AND t.name = 'note start';
RESET SESSION AUTHORIZATION;
SELECT * FROM finish();
ROLLBACK;
