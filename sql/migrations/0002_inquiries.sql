-- 0002: why a question is asked (case, reason, person), whether it must be said, and the number of
-- answers as a row of its own.
INSERT INTO ctaudit.migration (number, name, compatible_since) VALUES (2, '0002_inquiries', 1);

-- NULL: it was not said. inquiry.answers is of questions that were asked before this migration;
-- since then the number is in inquiry_answer.
ALTER TABLE ctaudit.inquiry
    ADD COLUMN case_reference text,
    ADD COLUMN reason text,
    -- The person for whom a front end asked.
    ADD COLUMN on_behalf_of text,
    -- Of a question that was put on record in a transaction before that of its answer.
    ADD COLUMN announcement uuid;
CREATE INDEX inquiry_asked_at ON ctaudit.inquiry (asked_at);
CREATE INDEX inquiry_case ON ctaudit.inquiry (case_reference) WHERE case_reference IS NOT NULL;
CREATE INDEX inquiry_announcement ON ctaudit.inquiry (announcement, jsonb_hash(arguments))
    WHERE announcement IS NOT NULL;

-- Committed with the answer: an inquiry without a row here was not answered, or the transaction of
-- its answer was rolled back. No foreign key: for its check each question would lock the inquiries'
-- indexes; ctaudit.note_answers alone writes here, and ctaudit.delete_inquiries deletes.
CREATE TABLE ctaudit.inquiry_answer (
    inquiry_id bigint PRIMARY KEY,
    answered_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    -- NULL: not counted (ctaudit.ulog2_ct).
    answers bigint
);

-- A question on record, as the functions return it.
CREATE TYPE ctaudit.told_inquiry AS (
    inquiry_id bigint,
    asked_at timestamptz,
    asked_by text,
    on_behalf_of text,
    client inet,
    application text,
    case_reference text,
    reason text,
    question text,
    arguments jsonb,
    -- Both NULL: it was not answered, or the answer was rolled back. The first alone: they were not
    -- counted.
    answers bigint,
    answered_at timestamptz
);

-- What each question must say. The last row counts; who set it stays on record.
CREATE TABLE ctaudit.inquiry_rule (
    rule_id bigint GENERATED ALWAYS AS IDENTITY,
    -- A case and a reason.
    require_reason boolean NOT NULL,
    set_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    set_by text NOT NULL DEFAULT session_user,
    client inet DEFAULT pg_catalog.inet_client_addr(),
    application text DEFAULT pg_catalog.current_setting('application_name')
);

-- Of ctaudit.who_batch: a question with the part of one node's record that it needs.
CREATE TYPE ctaudit.asked_part AS (
    question integer,
    asked_from timestamptz,
    asked_until timestamptz,
    address inet,
    port integer,
    remote inet,
    remote_port integer,
    proto smallint,
    node text,
    outward text,
    inward text,
    needed ctaudit.needed_part,
    aggregated boolean,
    own inet[]
);

-- A row that shows a connection, as ctaudit.seen_query returns it: an opening, an end or an entry.
-- Coded as in the tables; ctaudit.connections reads it. (The first release's had what is computed of
-- it, for which the server parsed some functions at each question.)
DROP FUNCTION IF EXISTS ctaudit.seen(
    text, timestamptz, timestamptz, ctaudit.needed_part, inet[], inet, integer, inet, integer, smallint
);
DROP TYPE ctaudit.seen_row;
CREATE TYPE ctaudit.seen_row AS (
    -- opening, entry or end.
    kind text,
    node_id smallint,
    received_at timestamptz,
    started_at timestamptz,
    started_source "char",
    started_after timestamptz,
    stop_sent timestamptz,
    ended_at timestamptz,
    ended_source "char",
    ended_after timestamptz,
    ended_before timestamptz,
    ended_cause text,
    dump_id bigint,
    provenance "char",
    -- Which of the conditions of the question it meets; NULL as false.
    is_outward boolean,
    is_inward boolean,
    orig_packets bigint,
    orig_bytes bigint,
    reply_packets bigint,
    reply_bytes bigint,
    zones integer,
    proto smallint,
    orig_src inet,
    orig_dst inet,
    orig_sport integer,
    orig_dport integer,
    reply_src inet,
    reply_dst inet,
    reply_sport integer,
    reply_dport integer,
    ct_id bigint,
    mark bigint,
    status integer,
    state smallint,
    helper text,
    labels bytea
);
