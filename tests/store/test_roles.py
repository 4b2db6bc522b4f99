"""Each role connects and tries what it may and what it may not."""

from __future__ import annotations

import itertools
import uuid

import psycopg
import pytest

from ctaudit.config import MODES
from ctaudit.conntrack.event import COLUMNS
from lab.cluster import Cluster

FRONT = {
    "front_call", "call_text", "passed_on", "knows", "presence", "front_inquiries",
    "front_latest_inquiries",
}  # fmt: skip
RECORDER = {
    "record_live", "record_nat", "record_history", "record_aggregate", "record_note",
    "resume_position", "filter_at", "refresh_live_copy",
    "outside_scope", "unannounced", "pairs", "schema_version", "compatible_since",
    "own_metrics", "canary", "set_canary",
}  # fmt: skip
AUDITOR = {
    "who", "who_batch", "flows", "gaps", "status", "completeness", "completeness_for",
    "completeness_each", "uncovered", "live", "nodes", "nearby", "imports", "traffic", "durations",
    "pairs", "schema_version", "compatible_since", "metrics", "set_purpose", "requires_reason",
    "inquiries", "who_and_holder", "who_batch_and_holder", "clocks", "announced_inquiries",
    "recorded_spans", "gap_causes", "latest_gaps", "record_basis", "latest_inquiries",
}  # fmt: skip
SUPERVISOR = {"inquiries", "schema_version", "compatible_since"}
REGISTRAR = {"set_holder", "end_holder", "set_holders", "schema_version", "compatible_since"}
MAINTAINER = {
    "due_steps", "make_partition", "trim_before", "drop_partition", "delete_old",
    "delete_inquiries", "delete_holders", "set_freezing", "lock_holders", "schema_version",
    "compatible_since", "sum_day", "begin_copy", "copy_partition", "exchange_partition", "metrics",
    "find_reach",
}  # fmt: skip
# What the view ulog2_ct calls: one puts the query on record, the others compute with values.
OF_THE_VIEW = {
    "note_ulog2_ct", "same_tuple", "closes", "is_one", "start_from", "start_until",
    "time_source_of", "icmp_type", "icmp_code",
}  # fmt: skip
REFUSED = psycopg.errors.InsufficientPrivilege
WRONG_KIND = psycopg.errors.WrongObjectType
NOT_UPDATABLE = psycopg.errors.ObjectNotInPrerequisiteState


def names(cluster: Cluster, query: str) -> list[str]:
    with psycopg.connect(cluster.dsn()) as connection:
        return [row[0] for row in connection.execute(query).fetchall()]  # type: ignore[call-overload]


@pytest.mark.parametrize("login", ["rex", "audrey", "mary", "desk", "sue", "reg", "stranger"])
def test_no_table_can_be_touched(cluster: Cluster, login: str) -> None:
    tables = names(
        cluster,
        "SELECT relname FROM pg_class WHERE relnamespace = 'ctaudit'::regnamespace "
        "AND relkind IN ('r', 'p', 'v', 'm', 'S')",
    )
    assert {"opening", "flow", "dump_entry", "opening_default", "inquiry"} <= set(tables)
    statements = (
        "SELECT * FROM {}", "DELETE FROM {}", "TRUNCATE {}", "DROP TABLE {}",
        "INSERT INTO {} DEFAULT VALUES", "LOCK TABLE {} IN ACCESS SHARE MODE",
        "COPY {} TO STDOUT",
    )  # fmt: skip
    if login in ("audrey", "desk"):
        tables.remove("ulog2_ct")
    with psycopg.connect(cluster.dsn(user=login), autocommit=True) as connection:
        for table, statement in itertools.product(tables, statements):
            # A sequence has no rows to delete, a partitioned table none to copy, a view of a
            # union nothing to change: said first.
            refused = REFUSED if "SELECT" in statement else (REFUSED, WRONG_KIND, NOT_UPDATABLE)
            with pytest.raises(refused), connection.transaction():
                connection.execute(statement.format(f"ctaudit.{table}"))  # type: ignore[arg-type]
        with pytest.raises(REFUSED):
            connection.execute("UPDATE ctaudit.flow SET orig_src = '10.0.0.1'")
        with pytest.raises(REFUSED):
            connection.execute("CREATE TABLE ctaudit.mine (a integer)")
        with pytest.raises(REFUSED):
            connection.execute("SET ROLE ctaudit_owner")


@pytest.mark.parametrize(
    ("login", "allowed"),
    [
        ("rex", RECORDER),
        ("audrey", AUDITOR | OF_THE_VIEW),
        ("desk", AUDITOR | OF_THE_VIEW | FRONT),
        ("sue", SUPERVISOR),
        ("reg", REGISTRAR),
        ("mary", MAINTAINER),
        ("stranger", set()),
    ],
)
def test_only_these_may_be_executed(cluster: Cluster, login: str, allowed: set[str]) -> None:
    everything = names(
        cluster, "SELECT proname FROM pg_proc WHERE pronamespace = 'ctaudit'::regnamespace"
    )
    assert set(everything) >= RECORDER | AUDITOR | MAINTAINER
    may = names(
        cluster,
        "SELECT proname FROM pg_proc WHERE pronamespace = 'ctaudit'::regnamespace "
        f"AND has_schema_privilege('{login}', 'ctaudit', 'USAGE') "
        f"AND has_function_privilege('{login}', oid, 'EXECUTE')",
    )
    assert set(may) == allowed


def test_recorder_and_auditor_try(cluster: Cluster) -> None:
    with psycopg.connect(cluster.dsn(user="rex"), autocommit=True) as rex:
        assert rex.execute(
            "SELECT ctaudit.resume_position('gw1', %s)", (uuid.uuid4(),)
        ).fetchone() == (None,)
        for refused in (
            "SELECT * FROM ctaudit.who('1.2.3.4', 1, now(), now())",
            "SELECT * FROM ctaudit.live('gw1')",
            "SELECT ctaudit.drop_partition('flow', '2020-01-01', 1)",
            "SELECT ctaudit.retire_node('gw1')",
            "SELECT ctaudit.revive_node('gw1')",
            "SELECT ctaudit.rename_node('gw1', 'gw2')",
            "SELECT * FROM ctaudit.nodes()",
            "SELECT ctaudit.advance('gw1', gen_random_uuid(), 0, 1, now(), 0, 0)",
        ):
            with pytest.raises(REFUSED):
                rex.execute(refused)  # type: ignore[arg-type]
    with psycopg.connect(cluster.dsn(user="audrey"), autocommit=True) as audrey:
        audrey.execute("SELECT * FROM ctaudit.who('1.2.3.4', 1, now(), now())")
        with pytest.raises(REFUSED):
            audrey.execute("SELECT ctaudit.retire_node('gw1')")
        with pytest.raises(REFUSED):
            audrey.execute(
                "CALL ctaudit.record_note('gw9', gen_random_uuid(), 0, 1, now(), 'start', '{}')"
            )
        with pytest.raises(REFUSED):
            audrey.execute(
                "SELECT * FROM ctaudit.ask(now(), now(), NULL, 'true', 'true', NULL, NULL, NULL, "
                "NULL, NULL, true, false)"
            )


def test_privileged_functions_pin_their_search_path(cluster: Cluster) -> None:
    loose = names(
        cluster,
        "SELECT proname FROM pg_proc WHERE pronamespace = 'ctaudit'::regnamespace AND prosecdef "
        "AND NOT 'search_path=pg_catalog, pg_temp' = ANY (coalesce(proconfig, '{}'))",
    )
    assert loose == []
    assert (
        names(
            cluster,
            "SELECT proname FROM pg_proc WHERE pronamespace = 'ctaudit'::regnamespace "
            "AND proowner <> 'ctaudit_owner'::regrole",
        )
        == []
    )
    assert (
        names(
            cluster,
            "SELECT relname FROM pg_class WHERE relnamespace = 'ctaudit'::regnamespace "
            "AND relowner <> 'ctaudit_owner'::regrole",
        )
        == []
    )


# In the caller's own schema: an operator for each of these types' in pg_catalog, and max(integer),
# which raise an error when they are used.
TRAPS = """
DO $do$
DECLARE
    o record;
BEGIN
    FOR o IN
        SELECT oid, oprname, oprleft::regtype AS l, oprright::regtype AS r,
            oprresult::regtype AS result
        FROM pg_operator WHERE oprkind = 'b' AND oprnamespace = 'pg_catalog'::regnamespace
            AND oprleft = ANY ('{text,uuid,bigint,integer,timestamptz}'::regtype[])
            AND oprright = ANY ('{text,uuid,bigint,integer,timestamptz,text[]}'::regtype[])
    LOOP
        EXECUTE format(
            'CREATE FUNCTION shadow.f%s(%s, %s) RETURNS %s LANGUAGE plpgsql '
            'AS $$BEGIN RAISE EXCEPTION ''shadowed''; END$$', o.oid, o.l, o.r, o.result);
        EXECUTE format(
            'CREATE OPERATOR shadow.%s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = shadow.f%s)',
            o.oprname, o.l, o.r, o.oid);
    END LOOP;
END
$do$;
CREATE FUNCTION shadow.next(integer, integer) RETURNS integer LANGUAGE plpgsql
AS $$BEGIN RAISE EXCEPTION 'shadowed'; END$$;
CREATE AGGREGATE shadow.max(integer) (SFUNC = shadow.next, STYPE = integer, INITCOND = '0');
"""
UNPINNED = """
DO $do$
DECLARE
    r record;
BEGIN
    FOR r IN SELECT oid::regprocedure AS name, prokind FROM pg_proc
        WHERE pronamespace = 'ctaudit'::regnamespace
    LOOP
        EXECUTE format('ALTER ROUTINE %s RESET search_path', r.name);
    END LOOP;
END
$do$
"""
_SPAN = "'gw1', %(stream)s, %(first)s, %(until)s"
_BATCH = f"{_SPAN}, NULL" + ", '{}'" * len(COLUMNS)
CALLS = {
    "who": "SELECT * FROM ctaudit.who('1.2.3.4', 53500, '2026-01-01', '2026-01-02')",
    "who_and_holder": (
        "SELECT * FROM ctaudit.who_and_holder('1.2.3.4', 53500, '2026-01-01', '2026-01-02')"
    ),
    "who_batch_and_holder": (
        "SELECT * FROM ctaudit.who_batch_and_holder('{1.2.3.4}', '{53500}', '{2026-01-01}',"
        " '{2026-01-02}', NULL, NULL, NULL, NULL, NULL)"
    ),
    "set_holder": "SELECT ctaudit.set_holder('10.0.0.1', 'Ann', '2026-01-01', NULL, 'dhcp')",
    "end_holder": "SELECT ctaudit.end_holder('10.0.0.1', '2026-01-01', 'dhcp')",
    "set_holders": (
        "SELECT * FROM ctaudit.set_holders('dhcp', '2026-01-01', true, '{10.0.0.1}', '{Ann}',"
        " '{NULL}', '{2026-01-01}', '{NULL}', '{false}', '{NULL}', '{NULL}')"
    ),
    "who_batch": (
        "SELECT * FROM ctaudit.who_batch('{1.2.3.4}', '{53500}', '{2026-01-01}', '{2026-01-02}', "
        "NULL, NULL, NULL, NULL, NULL)"
    ),
    "nearby": "SELECT * FROM ctaudit.nearby('1.2.3.4', 53500, '2026-01-01', '2026-01-02')",
    "flows": "SELECT * FROM ctaudit.flows(p_host => '192.168.1.0/24')",
    "live": "SELECT * FROM ctaudit.live('gw1')",
    "traffic": "SELECT * FROM ctaudit.traffic('2026-01-01', '2026-01-02')",
    "durations": "SELECT * FROM ctaudit.durations('2026-01-01', '2026-01-02')",
    "set_purpose": "SELECT ctaudit.set_purpose('2026-17', 'a letter')",
    "requires_reason": "SELECT ctaudit.requires_reason()",
    "inquiries": "SELECT * FROM ctaudit.inquiries(p_from => '2026-01-01')",
    "announced_inquiries": "SELECT * FROM ctaudit.announced_inquiries(%(stream)s)",
    "latest_inquiries": "SELECT * FROM ctaudit.latest_inquiries(NULL)",
    "nodes": "SELECT * FROM ctaudit.nodes()",
    "completeness": "SELECT * FROM ctaudit.completeness('gw1', '2026-01-01', '2026-01-02')",
    "completeness_for": "SELECT * FROM ctaudit.completeness_for('gw1', '2026-01-01', '2026-01-02')",
    "completeness_each": "SELECT * FROM ctaudit.completeness_each('{gw1}', '{2026-01-01}', "
    "'{2026-01-02}', '{1.2.3.4}', '{1}', NULL, NULL, NULL, NULL, NULL, NULL)",
    "uncovered": "SELECT * FROM ctaudit.uncovered('gw1', '2026-01-01', '2026-01-02')",
    "imports": "SELECT * FROM ctaudit.imports('gw1', '2026-01-01', '2026-01-02')",
    "gaps": "SELECT * FROM ctaudit.gaps('gw1')",
    "recorded_spans": (
        "SELECT * FROM ctaudit.recorded_spans(now() - interval '1 day', now(), '1 h', 'gw1')"
    ),
    "gap_causes": "SELECT * FROM ctaudit.gap_causes(now() - interval '1 day', now(), 'gw1')",
    "latest_gaps": "SELECT * FROM ctaudit.latest_gaps(now() - interval '1 day', now(), 9, 'gw1')",
    "record_basis": "SELECT * FROM ctaudit.record_basis(now() - interval '1 day', now(), 'gw1')",
    "status": "SELECT * FROM ctaudit.status()",
    "clocks": "SELECT * FROM ctaudit.clocks(ARRAY['gw1'], '2026-01-01', '2026-01-02')",
    "schema_version": "SELECT ctaudit.schema_version()",
    "compatible_since": "SELECT ctaudit.compatible_since()",
    "resume_position": "SELECT ctaudit.resume_position('gw1', %(stream)s)",
    "filter_at": "SELECT ctaudit.filter_at('gw1', %(stream)s, 1)",
    "refresh_live_copy": "SELECT ctaudit.refresh_live_copy('gw1', %(stream)s)",
    "outside_scope": "SELECT * FROM ctaudit.outside_scope('gw1')",
    "unannounced": "SELECT * FROM ctaudit.unannounced('gw1')",
    "pairs": "SELECT * FROM ctaudit.pairs('gw1')",
    "metrics": "SELECT * FROM ctaudit.metrics()",
    "own_metrics": "SELECT * FROM ctaudit.own_metrics('gw1')",
    "canary": "SELECT ctaudit.canary('gw1', %(stream)s, '2026-01-01', 40000, 9)",
    "set_canary": "SELECT ctaudit.set_canary('gw1', %(stream)s, '2026-01-01')",
    "record_live": f"CALL ctaudit.record_live({_BATCH})",
    "record_nat": f"CALL ctaudit.record_nat({_BATCH})",
    "record_history": f"CALL ctaudit.record_history({_BATCH})",
    "record_aggregate": f"CALL ctaudit.record_aggregate({_BATCH})",
    "record_note": f"CALL ctaudit.record_note({_SPAN}, '2026-01-01', 'resume', '{{}}')",
}


@pytest.mark.parametrize("routine", sorted(RECORDER | AUDITOR | REGISTRAR))
def test_a_caller_s_own_operators_are_not_used(cluster: Cluster, routine: str) -> None:
    """A privileged routine does not look into the schemas of its caller's search_path.

    With the pinned search_path taken away it does: else the test would prove nothing.
    """
    login = "rex" if routine in RECORDER else "audrey" if routine in AUDITOR else "reg"
    with psycopg.connect(cluster.dsn()) as connection:
        row = connection.execute(
            "SELECT stream, position FROM ctaudit.stream WHERE node = 'gw1'"
        ).fetchone()
        assert row is not None
        values = {"stream": row[0], "first": row[1], "until": row[1] + 1}
        # A batch procedure takes the streams of its mode only.
        mode = routine.removeprefix("record_")
        mode = {"aggregate": "history"}.get(mode, mode if mode in MODES else "live")
        connection.execute(
            'UPDATE ctaudit.stream SET mode = %s, detail = detail || \'{"pair": "gw2"}\''
            " WHERE node = 'gw1'",
            (mode,),
        )
        connection.execute(
            "INSERT INTO ctaudit.scope (node, stream, position, valid_from, noted_at,"
            " public, internal, hidden, source)"
            " VALUES ('gw1', %(stream)s, 0, now(), now(), '{}', '{}', '[]', 'configured')",
            values,
        )
        if routine == "imports":
            connection.execute(
                "INSERT INTO ctaudit.import (node, imported_from, source, ends_from, ends_until)"
                " VALUES ('gw1', 'ulogd2', 'here', '2026-01-01', '2026-01-02')"
            )
        if routine in ("inquiries", "announced_inquiries", "latest_inquiries"):
            connection.execute(
                "INSERT INTO ctaudit.inquiry (asked_by, question, arguments)"
                " VALUES (%s, 'who', '{}')",
                (login,),
            )
        if routine == "requires_reason":
            connection.execute("SELECT ctaudit.require_reason(false)")
        connection.execute(f"CREATE SCHEMA shadow AUTHORIZATION {login}")  # type: ignore[arg-type]
        connection.execute(f"SET LOCAL SESSION AUTHORIZATION {login}")  # type: ignore[arg-type]
        connection.execute(TRAPS)
        connection.execute("GRANT USAGE ON SCHEMA shadow TO PUBLIC")
        connection.execute("SET LOCAL search_path = shadow, pg_catalog")
        connection.execute(CALLS[routine], values)  # type: ignore[arg-type]
        connection.execute("RESET SESSION AUTHORIZATION")
        connection.execute("SET LOCAL search_path = pg_catalog")
        connection.execute(UNPINNED)
        connection.execute(f"SET LOCAL SESSION AUTHORIZATION {login}")  # type: ignore[arg-type]
        connection.execute("SET LOCAL search_path = shadow, pg_catalog")
        with pytest.raises(psycopg.errors.RaiseException, match="shadowed"):
            connection.execute(CALLS[routine], values)  # type: ignore[arg-type]
        connection.rollback()
