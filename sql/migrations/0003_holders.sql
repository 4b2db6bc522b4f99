-- 0003: who had an internal address, in which time, and which source says so.
INSERT INTO ctaudit.migration (number, name, compatible_since) VALUES (3, '0003_holders', 1);

-- Of one source, address, node and zone the intervals do not overlap (ctaudit.place_holder).
CREATE TABLE ctaudit.holder (
    holder_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- One address, or all of a network.
    network cidr NOT NULL,
    -- [valid_from, valid_until); NULL: it has not ended.
    valid_from timestamptz NOT NULL,
    valid_until timestamptz,
    -- What tells the holder from others: a customer's number, a hardware address, a DUID.
    holder text NOT NULL CHECK (holder <> ''),
    -- What helps people to know it, such as the name that a host gave itself; NULL: nothing.
    detail text,
    source text NOT NULL CHECK (source <> ''),
    -- NULL: behind each gateway, in each conntrack zone.
    node_id smallint REFERENCES ctaudit.node (node_id),
    zone integer CHECK (zone BETWEEN 0 AND 65535),
    -- When the row was made or changed last, and by whom.
    set_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    set_by text NOT NULL DEFAULT session_user,
    CHECK (valid_from < valid_until)
);
CREATE INDEX holder_network ON ctaudit.holder
    USING gist (network inet_ops, pg_catalog.tstzrange(valid_from, valid_until));
CREATE INDEX holder_source ON ctaudit.holder (source, network, valid_from);

-- What was read last of each source (ctaudit.set_holders).
CREATE TABLE ctaudit.holder_reading (
    source text PRIMARY KEY,
    -- The time that the source's words were of: when its file was written.
    as_of timestamptz NOT NULL,
    read_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    read_by text NOT NULL DEFAULT session_user
);
