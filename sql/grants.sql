-- Which role may do what. This runs in the transaction that replaces the functions, so the
-- EXECUTE that a new function grants to PUBLIC is never in effect.
ALTER DEFAULT PRIVILEGES FOR ROLE ctaudit_owner REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
REVOKE ALL ON SCHEMA ctaudit FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA ctaudit FROM PUBLIC;
REVOKE ALL ON ALL ROUTINES IN SCHEMA ctaudit FROM PUBLIC;

GRANT USAGE ON SCHEMA ctaudit
TO ctaudit_recorder, ctaudit_auditor, ctaudit_maintainer, ctaudit_supervisor,
    ctaudit_registrar;
GRANT EXECUTE ON FUNCTION ctaudit.schema_version(), ctaudit.compatible_since()
TO ctaudit_recorder, ctaudit_auditor, ctaudit_maintainer, ctaudit_supervisor,
    ctaudit_registrar;

-- Each of these asks whether the login records as that node: by ctaudit.own_node or own_node_named,
-- a procedure by ctaudit.advance or begin_stream.
GRANT EXECUTE ON FUNCTION
    ctaudit.resume_position(text, uuid), ctaudit.filter_at(text, uuid, bigint),
    ctaudit.outside_scope(text),
    ctaudit.refresh_live_copy(text, uuid, bigint)
TO ctaudit_recorder;
-- Counts and times of the node itself; of connections only whether 127.0.0.1 has called itself.
GRANT EXECUTE ON FUNCTION
    ctaudit.own_metrics(text), ctaudit.canary(text, uuid, timestamptz, integer, integer),
    ctaudit.set_canary(text, uuid, timestamptz)
TO ctaudit_recorder;
-- How much the kernel did not announce, and when: not which connections.
GRANT EXECUTE ON FUNCTION ctaudit.unannounced(text) TO ctaudit_recorder;
GRANT EXECUTE ON FUNCTION ctaudit.pairs(text) TO ctaudit_recorder, ctaudit_auditor;
GRANT EXECUTE ON PROCEDURE
    ctaudit.record_live, ctaudit.record_nat, ctaudit.record_history, ctaudit.record_aggregate,
    ctaudit.record_note
TO ctaudit_recorder;

GRANT EXECUTE ON FUNCTION
    ctaudit.who, ctaudit.who_batch, ctaudit.nearby, ctaudit.flows, ctaudit.live, ctaudit.completeness,
    ctaudit.completeness_for, ctaudit.completeness_each, ctaudit.uncovered,
    ctaudit.gaps, ctaudit.recorded_spans, ctaudit.gap_causes, ctaudit.latest_gaps, ctaudit.record_basis,
    ctaudit.status, ctaudit.clocks, ctaudit.nodes, ctaudit.imports, ctaudit.traffic, ctaudit.durations
TO ctaudit_auditor;
-- Who had an address is said to an auditor with a connection only: ctaudit.holder_of is for nobody.
GRANT EXECUTE ON FUNCTION ctaudit.who_and_holder, ctaudit.who_batch_and_holder TO ctaudit_auditor;
GRANT EXECUTE ON FUNCTION ctaudit.set_holder, ctaudit.end_holder, ctaudit.set_holders
TO ctaudit_registrar;
-- Why it is asked, and what was asked: its own inquiries, to a supervisor all.
GRANT EXECUTE ON FUNCTION
    ctaudit.set_purpose, ctaudit.requires_reason, ctaudit.announced_inquiries,
    ctaudit.latest_inquiries
TO ctaudit_auditor;
GRANT EXECUTE ON FUNCTION ctaudit.inquiries TO ctaudit_auditor, ctaudit_supervisor;
-- What a front calls: with its own rights, those of an auditor; what is found nearer to a host is
-- on record, and when a gateway recorded here is no connection.
GRANT EXECUTE ON FUNCTION
    ctaudit.front_call, ctaudit.call_text, ctaudit.knows, ctaudit.passed_on, ctaudit.presence,
    ctaudit.front_inquiries, ctaudit.front_latest_inquiries
TO ctaudit_front;
-- The view reads the rows as its owner, and calls functions as the auditor: the one that puts the
-- query on record, and those that compute with the values of a row.
GRANT SELECT ON ctaudit.ulog2_ct TO ctaudit_auditor;
GRANT EXECUTE ON FUNCTION
    ctaudit.note_ulog2_ct, ctaudit.same_tuple, ctaudit.closes, ctaudit.is_one,
    ctaudit.start_from, ctaudit.start_until, ctaudit.time_source_of,
    ctaudit.icmp_type, ctaudit.icmp_code
TO ctaudit_auditor;

-- Counts of each gateway, and no connection.
GRANT EXECUTE ON FUNCTION ctaudit.metrics() TO ctaudit_auditor, ctaudit_maintainer;

-- The steps take the days of retention, not a time: nothing younger than a day can be dropped.
GRANT EXECUTE ON FUNCTION
    ctaudit.due_steps, ctaudit.make_partition, ctaudit.trim_before, ctaudit.drop_partition,
    ctaudit.delete_old, ctaudit.delete_inquiries, ctaudit.delete_holders, ctaudit.set_freezing,
    ctaudit.lock_holders,
    ctaudit.find_reach, ctaudit.sum_day, ctaudit.begin_copy, ctaudit.copy_partition,
    ctaudit.exchange_partition
TO ctaudit_maintainer;
