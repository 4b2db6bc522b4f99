-- The stores that a front asks. A store without gone_at is asked each question.
CREATE TABLE IF NOT EXISTS ctaudit.store (
    store_id smallint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE CHECK (name ~ '^[^[:cntrl:]]{1,63}$'),
    -- libpq's, key = value, without a password; its login is a member of ctaudit_front there.
    dsn text NOT NULL,
    -- How long a question waits for it: one of who, and one over a whole span.
    patience interval NOT NULL CHECK (patience > '0'),
    long_patience interval NOT NULL CHECK (long_patience >= patience),
    added_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    -- No gateway records there any more; it is asked all the same.
    retired_at timestamptz,
    -- It is not asked any more: what it had recorded until then is not known.
    gone_at timestamptz
);

-- Who changed the list. Nothing is deleted.
CREATE TABLE IF NOT EXISTS ctaudit.store_change (
    store_change_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    store text NOT NULL,
    -- added, changed, retired, gone, asked again
    change text NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    changed_by text NOT NULL DEFAULT session_user,
    detail jsonb
);
