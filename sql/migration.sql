-- The schema itself and the list of its migrations: what must be there before the first one.
-- Idempotent. Each migration file inserts its own row first, so that of two installers the
-- second waits for the first and then fails on the key instead of doing it twice.
CREATE SCHEMA IF NOT EXISTS ctaudit AUTHORIZATION ctaudit_owner;

SET LOCAL ROLE ctaudit_owner;

CREATE TABLE IF NOT EXISTS ctaudit.migration (
    number integer PRIMARY KEY,
    name text NOT NULL UNIQUE,
    applied_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);
