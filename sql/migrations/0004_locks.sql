-- 0004: what a question locks or reads and does not need: indexes of few rows, or of what is read
-- rarely; rows of gateways that joined later; aggregated rows of other addresses.
INSERT INTO ctaudit.migration (number, name, compatible_since) VALUES (4, '0004_locks', 1);

-- Read once a dump (ctaudit.begin_dump), of one node: dump_node_ended_at serves.
DROP INDEX ctaudit.dump_unreconciled;
-- The last gap of UDP alone is found from the newest backwards (ctaudit.add_clashes).
DROP INDEX ctaudit.gap_of_proto;
-- A node has few scopes, by scope_node_noted_at; nothing refers to one.
DROP INDEX ctaudit.scope_node;
ALTER TABLE ctaudit.scope DROP CONSTRAINT scope_pkey;

-- Of what the gateway recorded around its first complete dump, nothing began before reaches_to
-- (ctaudit.find_reach), '-infinity': of some it is not known. NULL: it was not looked at yet.
ALTER TABLE ctaudit.node ADD COLUMN first_dump_id bigint, ADD COLUMN reaches_to timestamptz;

-- 48 is IPS_SRC_NAT and IPS_DST_NAT: what is not translated is looked up by the end that was called as
-- well (ctaudit.ask_aggregates).
CREATE INDEX aggregate_called ON ctaudit.aggregate_row (remote, received_at)
    WHERE (status & 48) = 0;

-- Where the rows stand that some nodes need: ctaudit.bounds_of.
CREATE TYPE ctaudit.row_bounds AS (
    parts ctaudit.needed_part[],
    node_ids smallint[],
    dump_ids bigint[],
    openings_until timestamptz,
    -- Times of receipt: from begins[n] on, before untils[n].
    begins timestamptz[],
    untils timestamptz[],
    -- Which of these, as conditions on a row r with $1 for begins and $2 for untils; NULL: none.
    openings text,
    ends text,
    entries text
);
