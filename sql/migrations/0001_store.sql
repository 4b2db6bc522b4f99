-- 0001: the tables and types of the store: the streams of a node (stream), what of them is
-- known to be recorded (coverage, gap), and the rows that answer questions (opening, flow,
-- dump_entry).
INSERT INTO ctaudit.migration (number, name, compatible_since) VALUES (1, '0001_store', 1);

-- Where a time came from.
--   kernel    CTA_TIMESTAMP_START or CTA_TIMESTAMP_STOP
--   event     CTA_TIMESTAMP_EVENT: the kernel sent the event then
--   receiver  the receiver read the event then, so the time itself is no later
--   dump      a dump showed the entry then, so the time itself is no later
--   ulogd2    as ulogd2 had written it: the kernel's stamp where it got one, else its own clock
--             when it read the event; its rows do not tell which
CREATE TYPE ctaudit.time_source AS ENUM ('kernel', 'event', 'receiver', 'dump', 'ulogd2');

-- What a row rests on.
--   event       a NEW or DESTROY of the kernel
--   dump        an entry of a table dump for which no opening was recorded
--   late        an opening made from a DESTROY because no NEW was recorded
--   unobserved  an end without a DESTROY: after a gap the entry was not in a dump any more
--   imported    a row that another program had recorded (ctaudit.import)
CREATE TYPE ctaudit.provenance AS ENUM ('event', 'dump', 'late', 'unobserved', 'imported');

CREATE TABLE ctaudit.node (
    node text PRIMARY KEY CHECK (node <> ''),
    -- What the rows of its connections hold instead of the name.
    node_id smallint GENERATED ALWAYS AS IDENTITY UNIQUE,
    first_seen timestamptz NOT NULL,
    -- It was said to be gone since then; ctaudit.gone_at says whether that holds.
    retired_at timestamptz,
    -- Whether ctaudit.record_aggregate has stored rows of it.
    aggregated boolean NOT NULL DEFAULT false,
    comment text
);

-- Who renamed, retired or revived a gateway, and when. A start note or a stop note does so too:
-- then the login is its recorder's.
CREATE TABLE ctaudit.node_change (
    node_change_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    changed_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    changed_by text NOT NULL DEFAULT session_user,
    client inet DEFAULT pg_catalog.inet_client_addr(),
    application text DEFAULT pg_catalog.current_setting('application_name'),
    node_id smallint NOT NULL REFERENCES ctaudit.node (node_id),
    change text NOT NULL CHECK (change IN ('renamed', 'retired', 'revived')),
    -- Of a rename: the name that it had until then.
    former_name text,
    -- Of a retirement: since when it is gone.
    retired_at timestamptz,
    reason text
);
CREATE INDEX node_change_former_name ON ctaudit.node_change (former_name)
    WHERE former_name IS NOT NULL;

-- The logins that record as a node, by the name that it has now. It need not have recorded yet.
CREATE TABLE ctaudit.node_login (
    node text NOT NULL CHECK (node <> ''),
    login text NOT NULL CHECK (login <> ''),
    PRIMARY KEY (node, login)
);

-- Who gave a node a login, or took one from it, and when.
CREATE TABLE ctaudit.login_change (
    login_change_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    changed_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    changed_by text NOT NULL DEFAULT session_user,
    client inet DEFAULT pg_catalog.inet_client_addr(),
    application text DEFAULT pg_catalog.current_setting('application_name'),
    node text NOT NULL,
    login text NOT NULL,
    change text NOT NULL CHECK (change IN ('added', 'removed')),
    reason text
);

-- A node whose rows another program had recorded. It has no stream and no coverage, so its record
-- is never complete; questions about all gateways do not wait for it.
CREATE TABLE ctaudit.import (
    node text PRIMARY KEY REFERENCES ctaudit.node ON UPDATE CASCADE,
    imported_from text NOT NULL CHECK (imported_from IN ('ulogd2')),
    -- Which table or file; an import goes on only from the one that it began with.
    source text NOT NULL,
    detail jsonb NOT NULL DEFAULT '{}',
    began_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    imported_by text NOT NULL DEFAULT session_user,
    -- Of a table the greatest number that was read, of a file the number of rows. It is committed
    -- with the rows, so an import that was killed goes on behind it.
    position bigint NOT NULL DEFAULT 0,
    -- Rows of the source that were read: stored, or refused with a reason.
    read bigint NOT NULL DEFAULT 0,
    -- reason: {count, example}; example is the number of one such row.
    refused jsonb NOT NULL DEFAULT '{}',
    -- The least and the greatest received_at of its rows, NULL: there are none. Of an end it is
    -- the time of the end, of an opening that of the start.
    openings_from timestamptz,
    openings_until timestamptz,
    ends_from timestamptz,
    ends_until timestamptz,
    -- The longest time from a start to its end; NULL: no row has both.
    longest interval,
    -- Some ends have no start.
    lacks_starts boolean NOT NULL DEFAULT false
);

-- Connections that were open when their row was read: it may have got an end since.
CREATE TABLE ctaudit.import_opening (
    node text NOT NULL REFERENCES ctaudit.import ON UPDATE CASCADE,
    number bigint NOT NULL,
    received_at timestamptz NOT NULL,
    PRIMARY KEY (node, number)
);

CREATE TABLE ctaudit.dump (
    dump_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    node text NOT NULL REFERENCES ctaudit.node ON UPDATE CASCADE,
    stream uuid NOT NULL,
    position bigint NOT NULL,
    began_at timestamptz NOT NULL,
    ended_at timestamptz,
    reconciled_at timestamptz,
    entries bigint,
    cause text,
    -- Of its entries that were compared: how many the kernel should have announced.
    unannounced bigint NOT NULL DEFAULT 0,
    -- The stream's covered_until once its entries were compared: what was sent before its end had
    -- been received by then.
    heard_until timestamptz,
    -- Its entries that were received until then are matched (ctaudit.match_entries).
    matched_until timestamptz NOT NULL DEFAULT '-infinity',
    -- It is compared by looking up each row, since there is no copy (ctaudit.advance_copy).
    by_rows boolean NOT NULL DEFAULT false,
    UNIQUE (node, stream, position)
);
CREATE INDEX dump_unreconciled ON ctaudit.dump (node) WHERE reconciled_at IS NULL;
CREATE INDEX dump_node_ended_at ON ctaudit.dump (node, ended_at);
CREATE INDEX dump_node_dump_id ON ctaudit.dump (node, dump_id);

CREATE TABLE ctaudit.stream (
    node text NOT NULL REFERENCES ctaudit.node ON UPDATE CASCADE,
    node_id smallint NOT NULL REFERENCES ctaudit.node (node_id),
    stream uuid NOT NULL,
    mode text NOT NULL CHECK (mode IN ('live', 'nat', 'history')),
    started_at timestamptz NOT NULL,
    stopped_at timestamptz,
    committed_at timestamptz NOT NULL,
    position bigint NOT NULL,
    -- All that the kernel sent before this time is recorded, whether it is covered or not.
    covered_until timestamptz NOT NULL,
    -- covered_until as it was before the last batch: the kernel sent its events no earlier.
    sent_after timestamptz NOT NULL,
    -- Begin of the current coverage span; NULL while there is none.
    covered_from timestamptz,
    -- The dump that is running, and the ended one that is not reconciled yet.
    dump_id bigint,
    pending_dump_id bigint,
    -- While the recorder is behind, the next portion of that dump is not taken before this time.
    next_portion_at timestamptz,
    -- Counts of events.
    received bigint NOT NULL DEFAULT 0,
    stored bigint NOT NULL DEFAULT 0,
    filtered bigint NOT NULL DEFAULT 0,
    undecodable bigint NOT NULL DEFAULT 0,
    -- Discarded by the receiver because the spool was full; not among those received.
    dropped bigint NOT NULL DEFAULT 0,
    -- That of the start note; but events is the last that was noted, and timestamp is 1 only if
    -- it has been 1 since.
    detail jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (node, stream),
    CONSTRAINT closed_accounting CHECK (received = stored + filtered + undecodable)
) WITH (fillfactor = 20, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

CREATE TABLE ctaudit.coverage (
    node text NOT NULL,
    stream uuid NOT NULL,
    covered_from timestamptz NOT NULL,
    covered_until timestamptz NOT NULL,
    openings boolean NOT NULL,
    ends boolean NOT NULL,
    PRIMARY KEY (node, stream, covered_from),
    FOREIGN KEY (node, stream) REFERENCES ctaudit.stream ON UPDATE CASCADE,
    CHECK (covered_from <= covered_until)
) WITH (fillfactor = 20, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

CREATE TABLE ctaudit.gap (
    gap_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    node text NOT NULL REFERENCES ctaudit.node ON UPDATE CASCADE,
    stream uuid NOT NULL,
    gap_from timestamptz NOT NULL,
    -- NULL: not ended; the end of the next dump will end it.
    gap_until timestamptz,
    cause text NOT NULL,
    -- NULL: the number is not known.
    lost bigint,
    hides_openings boolean NOT NULL,
    hides_ends boolean NOT NULL,
    -- All that the kernel sent from then on was heard: before gap_until, as the dump that ends
    -- the gap begins. NULL: not yet.
    sound_from timestamptz,
    -- Only events of this protocol (17 UDP) may be missing; NULL: of any.
    proto smallint,
    detail jsonb NOT NULL DEFAULT '{}',
    CHECK (gap_from <= gap_until)
);
CREATE INDEX gap_node_gap_from ON ctaudit.gap (node, gap_from);
CREATE INDEX gap_of_proto ON ctaudit.gap (stream, gap_id) WHERE proto IS NOT NULL;

-- Spans in which events waited long before they were read; nothing is missing.
CREATE TABLE ctaudit.late_read (
    node text NOT NULL REFERENCES ctaudit.node ON UPDATE CASCADE,
    stream uuid NOT NULL,
    sent_from timestamptz NOT NULL,
    read_at timestamptz NOT NULL,
    PRIMARY KEY (node, stream, sent_from)
);

CREATE TABLE ctaudit.note (
    node text NOT NULL REFERENCES ctaudit.node ON UPDATE CASCADE,
    stream uuid NOT NULL,
    position bigint NOT NULL,
    at timestamptz NOT NULL,
    note text NOT NULL,
    detail jsonb NOT NULL,
    PRIMARY KEY (node, stream, position)
);
CREATE INDEX note_settings ON ctaudit.note (node, at) WHERE note = 'settings';

CREATE TABLE ctaudit.undecodable (
    undecodable_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    node text NOT NULL REFERENCES ctaudit.node ON UPDATE CASCADE,
    stream uuid NOT NULL,
    position bigint NOT NULL,
    at timestamptz NOT NULL,
    reason text NOT NULL,
    server_words text,
    message bytea
);

CREATE TABLE ctaudit.clock (
    clock_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    node text NOT NULL REFERENCES ctaudit.node ON UPDATE CASCADE,
    stream uuid NOT NULL,
    at timestamptz NOT NULL,
    -- NULL: the clock was not stepped; the row is a state of synchronisation.
    step_seconds double precision,
    synchronised boolean,
    estimated_error_us bigint,
    detail jsonb NOT NULL
);
CREATE INDEX clock_node_at ON ctaudit.clock (node, at) WHERE step_seconds IS NOT NULL;

-- Times at which a stepped clock may have stamped, or truly have been, wrong.
CREATE TABLE ctaudit.clock_doubt (
    node text NOT NULL REFERENCES ctaudit.node ON UPDATE CASCADE,
    stream uuid NOT NULL,
    -- The wall clock after the step; before it: at - step_seconds.
    at timestamptz NOT NULL,
    step_seconds double precision NOT NULL,
    doubt_from timestamptz NOT NULL,
    doubt_until timestamptz NOT NULL,
    CHECK (doubt_from <= doubt_until)
);
CREATE INDEX clock_doubt_node ON ctaudit.clock_doubt (node, doubt_until);

-- What the addresses of a node are. A row holds from valid_from until the next one of the node
-- was noted: where a change was seen only later, the old scope and the new one both hold between.
CREATE TABLE ctaudit.scope (
    -- In the order of the notes, which the wall clock may not have.
    scope_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    node text NOT NULL REFERENCES ctaudit.node ON UPDATE CASCADE,
    stream uuid NOT NULL,
    position bigint NOT NULL,
    -- At most two hours before noted_at.
    valid_from timestamptz NOT NULL,
    noted_at timestamptz NOT NULL,
    -- NULL: not known.
    public cidr[],
    internal cidr[],
    -- Networks whose connections conntrack may not see: [{network, why}].
    hidden jsonb NOT NULL,
    source text NOT NULL,
    CHECK (valid_from <= noted_at)
);
CREATE INDEX scope_node ON ctaudit.scope (node, scope_id);
CREATE INDEX scope_node_noted_at ON ctaudit.scope (node, noted_at);

-- The dumps of a gateway that showed what its declared pair had open when that one's record ended:
-- while a node records nothing, its pair's record counts for both (ctaudit.covered_by_pair).
CREATE TABLE ctaudit.pair_proof (
    pair_proof_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    node text NOT NULL REFERENCES ctaudit.node ON UPDATE CASCADE,
    pair text NOT NULL REFERENCES ctaudit.node ON UPDATE CASCADE,
    -- The stream of the pair's dump.
    stream uuid NOT NULL,
    -- Until then the node was covered when the dump was recorded.
    silent_since timestamptz NOT NULL,
    dump_began_at timestamptz NOT NULL,
    -- The end of the dump.
    proved_from timestamptz NOT NULL,
    -- When the pair booted again, or one of the two did not name the other any more; NULL: neither.
    proved_until timestamptz,
    -- Those of which the pair has shown a connection; NULL: all that the node had open.
    protocols smallint[],
    CHECK (silent_since < dump_began_at AND dump_began_at <= proved_from)
);
CREATE INDEX pair_proof_node ON ctaudit.pair_proof (node, proved_from);

CREATE TABLE ctaudit.inquiry (
    inquiry_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    asked_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    asked_by text NOT NULL DEFAULT session_user,
    client inet,
    application text,
    question text NOT NULL,
    arguments jsonb NOT NULL,
    -- NULL: not counted (ctaudit.ulog2_ct).
    answers bigint
);

-- Spans of the record that are kept although retention would drop them. Rows are only added: who
-- set a hold and who lifted it stays on record.
CREATE TABLE ctaudit.hold (
    hold_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    case_reference text NOT NULL CHECK (case_reference <> ''),
    held_from timestamptz NOT NULL,
    held_until timestamptz NOT NULL,
    -- NULL: of each gateway.
    node_id smallint REFERENCES ctaudit.node (node_id),
    -- NULL: of each address.
    addresses cidr[],
    set_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    set_by text NOT NULL DEFAULT session_user,
    client inet DEFAULT pg_catalog.inet_client_addr(),
    application text DEFAULT pg_catalog.current_setting('application_name'),
    CHECK (held_from < held_until)
);

CREATE TABLE ctaudit.hold_lift (
    hold_id bigint PRIMARY KEY REFERENCES ctaudit.hold,
    lifted_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    lifted_by text NOT NULL DEFAULT session_user,
    client inet DEFAULT pg_catalog.inet_client_addr(),
    application text DEFAULT pg_catalog.current_setting('application_name')
);

-- Has no rows. Each transaction that moves rows between partitions or drops a partition gives it a
-- new file: ctaudit.note_rewrite, ctaudit.refuse_rewritten.
CREATE TABLE ctaudit.rewrite ();

-- The rows of connections hold codes and no NULL in what tells connections apart; the views
-- opening, flow and dump_entry show them with the names and values of ctaudit.event. The codes of
-- time_source and provenance are their first letters. The columns are ordered by size (eight
-- bytes, four, two, one, variable), so that rows have no padding.
CREATE TABLE ctaudit.opening_row (
    received_at timestamptz NOT NULL,
    -- The first of start_sent, event_at and received_at that is known.
    started_at timestamptz NOT NULL,
    -- Only where started_source is 'receiver': the kernel sent the NEW no earlier than this.
    started_after timestamptz,
    -- -1: the kernel sent none.
    ct_id bigint NOT NULL DEFAULT -1,
    -- NULL: 0
    mark bigint,
    -- ctaudit.zone_pair
    zones integer NOT NULL DEFAULT 0,
    -- -1: the protocol has no port. Of ICMP: the query id, and ctaudit.port.
    orig_sport integer NOT NULL DEFAULT -1,
    orig_dport integer NOT NULL DEFAULT -1,
    reply_sport integer NOT NULL DEFAULT -1,
    reply_dport integer NOT NULL DEFAULT -1,
    status integer,
    node_id smallint NOT NULL,
    proto smallint NOT NULL,
    state smallint,
    started_source "char" NOT NULL,
    provenance "char" NOT NULL DEFAULT 'e',
    orig_src inet NOT NULL,
    orig_dst inet NOT NULL,
    reply_src inet NOT NULL,
    reply_dst inet NOT NULL,
    helper text,
    labels bytea
) PARTITION BY RANGE (received_at);

CREATE TABLE ctaudit.flow_row (
    received_at timestamptz NOT NULL,
    -- NULL: nf_conntrack_timestamp was 0; only the opening has a start.
    started_at timestamptz,
    ended_at timestamptz,
    -- As the kernel sent it, only where it cannot be the end; ended_cause says why.
    stop_sent timestamptz,
    -- An unobserved end lies between these two.
    ended_after timestamptz,
    ended_before timestamptz,
    orig_packets bigint,
    orig_bytes bigint,
    reply_packets bigint,
    reply_bytes bigint,
    ct_id bigint NOT NULL DEFAULT -1,
    mark bigint,
    zones integer NOT NULL DEFAULT 0,
    orig_sport integer NOT NULL DEFAULT -1,
    orig_dport integer NOT NULL DEFAULT -1,
    reply_sport integer NOT NULL DEFAULT -1,
    reply_dport integer NOT NULL DEFAULT -1,
    status integer,
    node_id smallint NOT NULL,
    proto smallint NOT NULL,
    state smallint,
    started_source "char",
    ended_source "char",
    provenance "char" NOT NULL DEFAULT 'e',
    orig_src inet NOT NULL,
    orig_dst inet NOT NULL,
    reply_src inet NOT NULL,
    reply_dst inet NOT NULL,
    helper text,
    labels bytea,
    ended_cause text
) PARTITION BY RANGE (received_at);

CREATE TABLE ctaudit.dump_entry_row (
    received_at timestamptz NOT NULL,
    started_at timestamptz,
    -- NULL: the entry is of no complete dump, since events were lost while the dump ran.
    dump_id bigint,
    orig_packets bigint,
    orig_bytes bigint,
    reply_packets bigint,
    reply_bytes bigint,
    ct_id bigint NOT NULL DEFAULT -1,
    mark bigint,
    zones integer NOT NULL DEFAULT 0,
    orig_sport integer NOT NULL DEFAULT -1,
    orig_dport integer NOT NULL DEFAULT -1,
    reply_sport integer NOT NULL DEFAULT -1,
    reply_dport integer NOT NULL DEFAULT -1,
    status integer,
    node_id smallint NOT NULL,
    proto smallint NOT NULL,
    state smallint,
    orig_src inet NOT NULL,
    orig_dst inet NOT NULL,
    reply_src inet NOT NULL,
    reply_dst inet NOT NULL,
    helper text,
    labels bytea
) PARTITION BY RANGE (received_at);

-- Connections that ctaudit.record_aggregate stored as one row: ended, without destination NAT, and
-- in no dump. Counters are sums.
CREATE TABLE ctaudit.aggregate_row (
    -- When the last of them was received.
    received_at timestamptz NOT NULL,
    first_start timestamptz NOT NULL,
    last_end timestamptz NOT NULL,
    orig_packets bigint NOT NULL,
    orig_bytes bigint NOT NULL,
    reply_packets bigint NOT NULL,
    reply_bytes bigint NOT NULL,
    connections integer NOT NULL,
    zones integer NOT NULL,
    remote_port integer NOT NULL,
    -- What any of them had.
    status integer,
    node_id smallint NOT NULL,
    proto smallint NOT NULL,
    client inet NOT NULL,
    public inet NOT NULL,
    remote inet NOT NULL,
    public_ports int4multirange NOT NULL
) PARTITION BY RANGE (received_at);
CREATE INDEX aggregate_public ON ctaudit.aggregate_row (public, received_at);
CREATE INDEX aggregate_received_at ON ctaudit.aggregate_row USING brin (received_at);
CREATE TABLE ctaudit.aggregate_default PARTITION OF ctaudit.aggregate_row DEFAULT;

-- What ctaudit.traffic counted of a closed day, by hour and of the whole day, so that a year is not
-- counted again. A connection that began before sum_from is in connections, but not in began.
CREATE TABLE ctaudit.traffic_sum (
    sum_from timestamptz NOT NULL,
    packets bigint,
    bytes bigint,
    interpolated_packets bigint NOT NULL,
    interpolated_bytes bigint NOT NULL,
    packets_error bigint NOT NULL,
    bytes_error bigint NOT NULL,
    -- ctaudit.zone_pair
    zones integer NOT NULL,
    connections integer NOT NULL,
    began integer NOT NULL,
    uncounted integer NOT NULL,
    uncounted_began integer NOT NULL,
    node_id smallint NOT NULL,
    hours smallint NOT NULL,
    -- NULL: of all hosts.
    host inet
) PARTITION BY LIST (hours);
CREATE TABLE ctaudit.traffic_hour PARTITION OF ctaudit.traffic_sum FOR VALUES IN (1);
CREATE TABLE ctaudit.traffic_day PARTITION OF ctaudit.traffic_sum FOR VALUES IN (24);
CREATE INDEX traffic_sum_from ON ctaudit.traffic_sum (sum_from, host);

-- The UTC days of a node that stand in traffic_sum, whole.
CREATE TABLE ctaudit.summed_day (
    node_id smallint NOT NULL REFERENCES ctaudit.node (node_id),
    day date NOT NULL,
    summed_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    PRIMARY KEY (node_id, day)
);

-- The partitions that were closed, or are being closed: ctaudit.copy_partition.
CREATE TABLE ctaudit.closed_partition (
    parent text NOT NULL,
    day date NOT NULL,
    -- Rows came since the copying began: ctaudit.spoil_copy.
    is_spoiled boolean NOT NULL DEFAULT false,
    -- NULL: it is being closed.
    closed_at timestamptz,
    PRIMARY KEY (parent, day)
);

-- The entries of a dump that is being reconciled, of which nothing else is recorded
-- (ctaudit.match_entries): its columns, and the order in which they came.
CREATE TABLE ctaudit.unmatched_entry (
    LIKE ctaudit.dump_entry_row INCLUDING DEFAULTS,
    unmatched_id bigint GENERATED ALWAYS AS IDENTITY,
    PRIMARY KEY (dump_id, unmatched_id)
);

-- A search for connections that two dumps do not show, and of which no end is recorded
-- (ctaudit.search_silent). A CALL takes a portion of it.
CREATE TABLE ctaudit.search (
    -- The dump that is being reconciled, and the one by which they were gone: it may be the same.
    dump_id bigint NOT NULL,
    gone_dump_id bigint NOT NULL,
    -- Looked at are the entries of this dump, then the openings received since it began; NULL:
    -- since the node's first stream.
    since_dump_id bigint,
    -- An end that the kernel should have announced makes a gap.
    tells boolean NOT NULL,
    -- Those received until then have been looked at: entries while openings_until is NULL.
    entries_until timestamptz NOT NULL DEFAULT '-infinity',
    openings_until timestamptz,
    number bigint NOT NULL DEFAULT 0,
    last_seen_at timestamptz,
    -- What is left to decide is found in a copy: it goes to entries_until, and openings_until is set
    -- when the rows are in unended_row.
    by_copy boolean NOT NULL DEFAULT false,
    PRIMARY KEY (dump_id, tells)
);

-- What a copy shows as open, and no dump: openings and entries that ctaudit.search_silent has still
-- to decide about. dump_id and tells are those of the search.
CREATE TABLE ctaudit.unended_row (
    LIKE ctaudit.dump_entry_row INCLUDING DEFAULTS,
    started_source "char" NOT NULL,
    started_after timestamptz,
    is_entry boolean NOT NULL,
    tells boolean NOT NULL,
    unended_id bigint GENERATED ALWAYS AS IDENTITY,
    PRIMARY KEY (dump_id, tells, unended_id)
);

-- Where the connections stand that were open at a time, so that neither ctaudit.live nor a comparison
-- with a dump need read what came before: ctaudit.advance_copy. A copy that does not fit the record
-- any more is not used: ctaudit.is_usable.
CREATE TABLE ctaudit.live_copy (
    node_id smallint NOT NULL REFERENCES ctaudit.node (node_id) ON DELETE CASCADE,
    -- The complete dump from which it was made, 0: none, since the node's first stream; the stream
    -- that is recorded.
    dump_id bigint NOT NULL,
    stream uuid NOT NULL,
    -- Openings and ends received before this time are accounted for.
    copied_until timestamptz NOT NULL,
    -- stream.stored when all that was recorded was accounted for; NULL: more was left to do.
    stored bigint,
    -- The positions of the node's other streams: {stream: position}.
    others jsonb NOT NULL,
    -- ctaudit.database_identity
    made_in text NOT NULL,
    -- The dump for whose comparison it was begun; NULL: for ctaudit.live.
    begun_for bigint,
    PRIMARY KEY (node_id, dump_id)
);

-- Of each partition the rows that are open, none of a default partition, since rows move out of it.
CREATE TABLE ctaudit.live_place (
    node_id smallint NOT NULL,
    dump_id bigint NOT NULL,
    relation oid NOT NULL,
    filenode oid NOT NULL,
    copied_until timestamptz NOT NULL,
    -- One element a row: its ctid, and the internal end of the connection; hosts is empty once the
    -- next dump is being compared, and this copy not asked any more.
    places tid[] NOT NULL,
    hosts inet[] NOT NULL,
    PRIMARY KEY (node_id, dump_id, relation),
    FOREIGN KEY (node_id, dump_id) REFERENCES ctaudit.live_copy ON DELETE CASCADE
);
-- Addresses and places hardly compress, and each step writes them anew.
ALTER TABLE ctaudit.live_place
    ALTER COLUMN places SET STORAGE EXTERNAL,
    ALTER COLUMN hosts SET STORAGE EXTERNAL;

-- The port comes first: it selects fewer rows than one of a few public addresses. The three hours
-- of receipt come last (ctaudit.index_time): rows of the same key share it, and what is looked up
-- for an event or an entry is near in time (decision 0019).
-- 32 is IPS_DST_NAT: only such connections are looked up by the destination the client used.
-- 48 is IPS_SRC_NAT and IPS_DST_NAT: what is not translated is looked up by the destination as
-- well, through bloom filters, which cost an event little (decision 0017).
CREATE INDEX opening_reply ON ctaudit.opening_row (
    reply_dport, reply_dst, date_bin('3 hours', received_at, '2000-01-01 00:00:00+00')
);
CREATE INDEX opening_dnat ON ctaudit.opening_row (orig_dport, orig_dst, started_at)
    WHERE (status & 32) <> 0;
-- The openings of one node in their order, a portion at a time. As expressions, since the planner
-- takes a node that it has not heard of, or the time since the last ANALYZE, for a single row, and
-- would read all of these for each row that is looked up.
CREATE INDEX opening_receipt ON ctaudit.opening_row (
    (- node_id), date_bin('1 us', received_at, '2000-01-01 00:00:00+00')
);
CREATE INDEX opening_called ON ctaudit.opening_row
    USING brin (orig_dst inet_bloom_ops, orig_dport int4_bloom_ops, orig_src inet_bloom_ops)
    WITH (pages_per_range = 32) WHERE (status & 48) = 0;
CREATE INDEX opening_received_at ON ctaudit.opening_row USING brin (received_at);
CREATE INDEX flow_reply ON ctaudit.flow_row (
    reply_dport, reply_dst, date_bin('3 hours', received_at, '2000-01-01 00:00:00+00')
);
CREATE INDEX flow_dnat ON ctaudit.flow_row (orig_dport, orig_dst, started_at)
    WHERE (status & 32) <> 0;
CREATE INDEX flow_called ON ctaudit.flow_row
    USING brin (orig_dst inet_bloom_ops, orig_dport int4_bloom_ops, orig_src inet_bloom_ops)
    WITH (pages_per_range = 32) WHERE (status & 48) = 0;
CREATE INDEX flow_received_at ON ctaudit.flow_row USING brin (received_at);
CREATE INDEX dump_entry_reply ON ctaudit.dump_entry_row (reply_dport, reply_dst, dump_id);
CREATE INDEX dump_entry_dnat ON ctaudit.dump_entry_row (orig_dport, orig_dst, dump_id)
    WHERE (status & 32) <> 0;
CREATE INDEX dump_entry_called ON ctaudit.dump_entry_row
    USING brin (orig_dst inet_bloom_ops, orig_dport int4_bloom_ops, orig_src inet_bloom_ops)
    WITH (pages_per_range = 32) WHERE (status & 48) = 0;
-- The entries of one dump; as an expression for the same reason.
CREATE INDEX dump_entry_dump ON ctaudit.dump_entry_row ((- dump_id), received_at);
CREATE INDEX dump_entry_received_at ON ctaudit.dump_entry_row USING brin (received_at);

CREATE TABLE ctaudit.opening_default PARTITION OF ctaudit.opening_row DEFAULT;
CREATE TABLE ctaudit.flow_default PARTITION OF ctaudit.flow_row DEFAULT;
CREATE TABLE ctaudit.dump_entry_default PARTITION OF ctaudit.dump_entry_row DEFAULT;

-- One event of the kernel, or one entry of a table dump, as decoded. NULL: not in the message.
--   kind                   1 NEW, 2 UPDATE, 3 DESTROY, 4 an entry of a table dump
--   received_at            when the receiver read it
--   event_at               CTA_TIMESTAMP_EVENT
--   start_sent, stop_sent  CTA_TIMESTAMP_START, CTA_TIMESTAMP_STOP
CREATE TYPE ctaudit.event AS (
    kind smallint,
    received_at timestamptz,
    event_at timestamptz,
    start_sent timestamptz,
    stop_sent timestamptz,
    zone integer,
    orig_zone integer,
    reply_zone integer,
    proto smallint,
    orig_src inet,
    orig_dst inet,
    orig_sport integer,
    orig_dport integer,
    reply_src inet,
    reply_dst inet,
    reply_sport integer,
    reply_dport integer,
    orig_icmp_type smallint,
    orig_icmp_code smallint,
    reply_icmp_type smallint,
    reply_icmp_code smallint,
    orig_packets bigint,
    orig_bytes bigint,
    reply_packets bigint,
    reply_bytes bigint,
    ct_id bigint,
    mark bigint,
    status integer,
    state smallint,
    helper text,
    labels bytea
);

-- A batch of events, one array per column; ctaudit.events turns it into rows. The attributes are
-- the parameters of the record procedures from p_kind on, in the same order.
CREATE TYPE ctaudit.event_columns AS (
    kind smallint[],
    received_at timestamptz[],
    event_at timestamptz[],
    start_sent timestamptz[],
    stop_sent timestamptz[],
    zone integer[],
    orig_zone integer[],
    reply_zone integer[],
    proto smallint[],
    orig_src inet[],
    orig_dst inet[],
    orig_sport integer[],
    orig_dport integer[],
    reply_src inet[],
    reply_dst inet[],
    reply_sport integer[],
    reply_dport integer[],
    orig_icmp_type smallint[],
    orig_icmp_code smallint[],
    reply_icmp_type smallint[],
    reply_icmp_code smallint[],
    orig_packets bigint[],
    orig_bytes bigint[],
    reply_packets bigint[],
    reply_bytes bigint[],
    ct_id bigint[],
    mark bigint[],
    status integer[],
    state smallint[],
    helper text[],
    labels bytea[]
);

-- One connection, as the inquiry functions return it.
CREATE TYPE ctaudit.connection AS (
    node text,
    direction text,
    state text,
    exact boolean,
    host inet,
    host_port integer,
    remote inet,
    remote_port integer,
    started_at timestamptz,
    started_source ctaudit.time_source,
    started_after timestamptz,
    ended_at timestamptz,
    ended_source ctaudit.time_source,
    ended_after timestamptz,
    ended_before timestamptz,
    ended_cause text,
    last_seen_at timestamptz,
    provenance ctaudit.provenance,
    zone integer,
    orig_zone integer,
    reply_zone integer,
    proto smallint,
    orig_src inet,
    orig_dst inet,
    orig_sport integer,
    orig_dport integer,
    reply_src inet,
    reply_dst inet,
    reply_sport integer,
    reply_dport integer,
    orig_icmp_type smallint,
    orig_icmp_code smallint,
    reply_icmp_type smallint,
    reply_icmp_code smallint,
    orig_packets bigint,
    orig_bytes bigint,
    reply_packets bigint,
    reply_bytes bigint,
    ct_id bigint,
    mark bigint,
    status integer,
    protocol_state smallint,
    helper text,
    labels bytea,
    -- exact, at least or unknown, and why not exact: ctaudit.count_traffic
    counters text,
    counters_cause text,
    -- Since this dump none has shown another packet, nor has the end; NULL: one alone, or none, tells.
    idle_since timestamptz
);

-- The part of one node's record that a question needs, as ctaudit.needed says.
CREATE TYPE ctaudit.needed_part AS (
    node text,
    node_id smallint,
    dump_before bigint,
    dump_after bigint,
    dumps_within bigint[],
    entries_from timestamptz,
    entries_until timestamptz,
    openings_from timestamptz,
    openings_until timestamptz,
    ends_from timestamptz,
    ends_until timestamptz,
    -- Whether no end of the node was received later.
    all_ends boolean,
    wrong_from timestamptz,
    wrong_until timestamptz
);

-- A row that shows a connection, as ctaudit.seen_query returns it: an opening, an end or an entry.
CREATE TYPE ctaudit.seen_row AS (
    -- opening, entry, end or unobserved.
    kind text,
    received_at timestamptz,
    started_at timestamptz,
    started_source ctaudit.time_source,
    started_after timestamptz,
    -- As those of ctaudit.sighting.
    start_from timestamptz,
    start_until timestamptz,
    alive_at timestamptz,
    gone_at timestamptz,
    ended_at timestamptz,
    ended_source ctaudit.time_source,
    ended_after timestamptz,
    ended_before timestamptz,
    ended_cause text,
    dump_id bigint,
    provenance ctaudit.provenance,
    direction text,
    orig_packets bigint,
    orig_bytes bigint,
    reply_packets bigint,
    reply_bytes bigint,
    -- Coded as in the tables.
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

-- What one row says of a connection, for ctaudit.lives.
CREATE TYPE ctaudit.sighting AS (
    -- The caller's, by which it finds the row again.
    number bigint,
    -- opening, entry, end or unobserved.
    kind text,
    ct_id bigint,
    clashed boolean,
    received_at timestamptz,
    -- The best that is known of the start, NULL: nothing; and its bounds.
    started_at timestamptz,
    start_from timestamptz,
    start_until timestamptz,
    -- The connection was surely alive then, NULL: nothing is known.
    alive_at timestamptz,
    -- Ends only: it was surely over then.
    gone_at timestamptz
);

-- One connection as ctaudit.lives puts it together.
CREATE TYPE ctaudit.life AS (
    opening bigint,
    entry bigint,
    ending bigint,
    unobserved bigint,
    ct_id bigint,
    clashed boolean,
    received_at timestamptz,
    opened_at timestamptz,
    started_at timestamptz,
    start_from timestamptz,
    start_until timestamptz,
    alive_at timestamptz,
    gone_at timestamptz,
    -- Where no end is known: the next connection of the tuple had begun by then.
    next_at timestamptz
);

-- What flowed at one node in one bucket of one party: a host, a remote, a service, or all.
CREATE TYPE ctaudit.traffic_share AS (
    bucket_from timestamptz,
    zones integer,
    address inet,
    proto smallint,
    port integer,
    -- Alive in the bucket; of these, how many began in it, or were first seen in it.
    connections bigint,
    began bigint,
    -- Of connections: not all that they carried in the bucket is known, and since this bucket.
    uncounted bigint,
    uncounted_began bigint,
    -- NULL: none was counted.
    packets bigint,
    bytes bigint,
    -- Of these, what was spread over the edge of a bucket; and by how much these may be off.
    interpolated_packets bigint,
    interpolated_bytes bigint,
    packets_error bigint,
    bytes_error bigint
);
