"""Each role connects and tries what it may and what it may not."""

from __future__ import annotations

import itertools
import re
import uuid

import psycopg
import pytest

from lab.cluster import Cluster

RECORDER = {
    "record_live", "record_nat", "record_history", "record_note", "resume_position",
    "schema_version",
}  # fmt: skip
AUDITOR = {"who", "flows", "gaps", "status", "completeness", "open_connections", "schema_version"}
REFUSED = psycopg.errors.InsufficientPrivilege
WRONG_KIND = psycopg.errors.WrongObjectType


def names(cluster: Cluster, query: str) -> list[str]:
    with psycopg.connect(cluster.dsn()) as connection:
        return [row[0] for row in connection.execute(query).fetchall()]  # type: ignore[call-overload]


@pytest.mark.parametrize("login", ["rex", "audrey", "stranger"])
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
    with psycopg.connect(cluster.dsn(user=login), autocommit=True) as connection:
        for table, statement in itertools.product(tables, statements):
            # A sequence has no rows to delete, a partitioned table none to copy: said first.
            refused = REFUSED if "SELECT" in statement else (REFUSED, WRONG_KIND)
            with pytest.raises(refused), connection.transaction():
                connection.execute(statement.format(f"ctaudit.{table}"))  # type: ignore[arg-type]
        with pytest.raises(REFUSED):
            connection.execute("UPDATE ctaudit.flow SET orig_src = '10.0.0.1'")
        with pytest.raises(REFUSED):
            connection.execute("CREATE TABLE ctaudit.mine (a integer)")
        with pytest.raises(REFUSED):
            connection.execute("SET ROLE ctaudit_owner")


@pytest.mark.parametrize(
    ("login", "allowed"), [("rex", RECORDER), ("audrey", AUDITOR), ("stranger", set())]
)
def test_only_these_may_be_executed(cluster: Cluster, login: str, allowed: set[str]) -> None:
    everything = names(
        cluster, "SELECT proname FROM pg_proc WHERE pronamespace = 'ctaudit'::regnamespace"
    )
    assert set(everything) >= RECORDER | AUDITOR
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
            "SELECT ctaudit.resume_position('nowhere', %s)", (uuid.uuid4(),)
        ).fetchone() == (None,)
        for refused in (
            "SELECT * FROM ctaudit.who('1.2.3.4', 1, now(), now())",
            "SELECT * FROM ctaudit.open_connections('gw1')",
            "SELECT ctaudit.maintain(1)",
            "SELECT ctaudit.advance('gw1', gen_random_uuid(), 0, 1, now(), 0, 0)",
        ):
            with pytest.raises(REFUSED):
                rex.execute(refused)  # type: ignore[arg-type]
    with psycopg.connect(cluster.dsn(user="audrey"), autocommit=True) as audrey:
        audrey.execute("SELECT * FROM ctaudit.who('1.2.3.4', 1, now(), now())")
        with pytest.raises(REFUSED):
            audrey.execute(
                "CALL ctaudit.record_note('gw9', gen_random_uuid(), 0, 1, now(), 'start', '{}')"
            )
        with pytest.raises(REFUSED):
            audrey.execute(
                "SELECT * FROM ctaudit.ask(now(), now(), NULL, 'true', 'true', NULL, NULL, NULL, "
                "NULL, NULL, true, false, NULL)"
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


def test_shadowed_names_change_nothing(cluster: Cluster) -> None:
    """Temporary objects of the caller's own do not get between a function and its tables."""
    with psycopg.connect(cluster.dsn(user="audrey"), autocommit=True) as audrey:
        audrey.execute("CREATE TEMP TABLE flow (x integer)")
        audrey.execute(
            "CREATE FUNCTION pg_temp.coalesce(a bigint, b bigint) RETURNS bigint "
            "LANGUAGE sql AS 'SELECT 1 / 0'"
        )
        audrey.execute("SET search_path = pg_temp, pg_catalog")
        audrey.execute("SELECT * FROM ctaudit.who('1.2.3.4', 1, now(), now())")


def count_marks(cluster: Cluster) -> int:
    return len(re.findall(r"LOG: .* audrey asked who\(.*4711", cluster.log.read_text()))


def test_questions_are_on_record(cluster: Cluster) -> None:
    count = "SELECT count(*), max(inquiry_id) FROM ctaudit.inquiry WHERE asked_by = 'audrey'"
    ask = (
        "SELECT count(*) FROM ctaudit.who('203.0.113.77', 4711, '2026-11-01 00:00+00', "
        "'2026-11-01 00:01+00')"
    )
    with (
        psycopg.connect(cluster.dsn(), autocommit=True) as watcher,
        psycopg.connect(cluster.dsn(user="audrey"), autocommit=True) as audrey,
    ):
        before = watcher.execute(count).fetchone()
        assert before is not None
        audrey.execute(ask)
        after = watcher.execute(count).fetchone()
        assert after is not None and after[0] == before[0] + 1
        row = watcher.execute(
            "SELECT question, arguments ->> 'address', answers FROM ctaudit.inquiry "
            "WHERE inquiry_id = %s", (after[1],),
        ).fetchone()  # fmt: skip
        assert row == ("who", "203.0.113.77", 0)
        marks = count_marks(cluster)
        with audrey.transaction(force_rollback=True):
            audrey.execute(ask)
        with audrey.transaction():
            audrey.execute("SET TRANSACTION READ ONLY")
            audrey.execute(ask)
            audrey.execute("SELECT * FROM ctaudit.flows(p_limit => 1)")
        assert watcher.execute(count).fetchone() == after
    assert count_marks(cluster) == marks + 2
