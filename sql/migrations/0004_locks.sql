-- 0004: indexes that a question locks and nothing needs: of few rows, or of what is read rarely.
INSERT INTO ctaudit.migration (number, name, compatible_since) VALUES (4, '0004_locks', 1);

-- Read once a dump (ctaudit.begin_dump), of one node: dump_node_ended_at serves.
DROP INDEX ctaudit.dump_unreconciled;
-- The last gap of UDP alone is found from the newest backwards (ctaudit.add_clashes).
DROP INDEX ctaudit.gap_of_proto;
-- A node has few scopes, by scope_node_noted_at; nothing refers to one.
DROP INDEX ctaudit.scope_node;
ALTER TABLE ctaudit.scope DROP CONSTRAINT scope_pkey;
