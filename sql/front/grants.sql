-- Which role may do what on a front: as in a store, but that nothing is recorded here.
ALTER DEFAULT PRIVILEGES FOR ROLE ctaudit_owner REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
REVOKE ALL ON SCHEMA ctaudit FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA ctaudit FROM PUBLIC;
REVOKE ALL ON ALL ROUTINES IN SCHEMA ctaudit FROM PUBLIC;

GRANT USAGE ON SCHEMA ctaudit TO ctaudit_auditor, ctaudit_supervisor;
GRANT EXECUTE ON FUNCTION ctaudit.schema_version(), ctaudit.compatible_since()
TO ctaudit_auditor, ctaudit_supervisor;
GRANT EXECUTE ON FUNCTION
    ctaudit.who, ctaudit.who_batch, ctaudit.who_and_holder, ctaudit.who_batch_and_holder,
    ctaudit.nearby, ctaudit.flows, ctaudit.live, ctaudit.completeness, ctaudit.completeness_for,
    ctaudit.completeness_each, ctaudit.uncovered, ctaudit.gaps, ctaudit.status, ctaudit.clocks,
    ctaudit.nodes, ctaudit.imports,
    ctaudit.traffic, ctaudit.durations, ctaudit.pairs, ctaudit.metrics, ctaudit.recorded_spans,
    ctaudit.gap_causes, ctaudit.latest_gaps, ctaudit.record_basis, ctaudit.set_purpose,
    ctaudit.requires_reason, ctaudit.stores, ctaudit.announced_inquiries
TO ctaudit_auditor;
GRANT EXECUTE ON FUNCTION ctaudit.inquiries TO ctaudit_auditor, ctaudit_supervisor;
