-- The schema and the table of its migrations, which must exist before the first migration. This
-- may run again. Each migration file inserts its own row first: of two installers the second
-- waits for the first and then fails on the key, so no migration is applied twice.
CREATE SCHEMA IF NOT EXISTS ctaudit AUTHORIZATION ctaudit_owner;

SET LOCAL ROLE ctaudit_owner;

CREATE TABLE IF NOT EXISTS ctaudit.migration (
    number integer PRIMARY KEY,
    name text NOT NULL UNIQUE,
    -- The oldest schema version of which a program goes on with the database after this migration.
    compatible_since integer NOT NULL CHECK (compatible_since BETWEEN 1 AND number),
    applied_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);
