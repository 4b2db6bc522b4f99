"""Settings of a login or a database: lifted for what records and maintains, held for who asks."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from ctaudit.admin import check_database
from ctaudit.admin.finding import Level
from ctaudit.database import schema
from ctaudit.database.version import EXPECTED_SCHEMA
from ctaudit.query import lookup
from ctaudit.query.question import read_who
from lab.cluster import Cluster
from tests.store.gateway import let_record
from tests.store.limits import be_slow
from tests.store.scenario import BASE, COVERED, Done, refuse, run, who
from tests.store.spooled import Spooled

PLACE = "limited"
LOGINS = {"lr": "ctaudit_recorder", "lm": "ctaudit_maintainer", "la": "ctaudit_auditor"}
NO_LIMITS = "-c statement_timeout=0 -c idle_in_transaction_session_timeout=0"
HINDERING = {
    "statement_timeout": "100ms",
    "lock_timeout": "100ms",
    "idle_in_transaction_session_timeout": "100ms",
    "transaction_timeout": "100ms",
    "default_transaction_read_only": "on",
    "default_transaction_isolation": "serializable",
}
STRANGE = {
    "DateStyle": "SQL, DMY",
    "IntervalStyle": "sql_standard",
    "TimeZone": "Asia/Kolkata",
    "search_path": "nowhere",
    "row_security": "off",
    "array_nulls": "off",
    "bytea_output": "escape",
    "client_encoding": "LATIN1",
    "standard_conforming_strings": "off",
    "extra_float_digits": "-15",
    "temp_file_limit": "0",
}


def each(whose: str) -> list[tuple[str, dict[str, str]]]:
    """What hinders one by one, all that is strange at once; both of the database as well."""
    place = f"DATABASE {PLACE}"
    alone = [(whose, {name: value}) for name, value in HINDERING.items()]
    return [*alone, (whose, STRANGE), (place, STRANGE), (place, {"statement_timeout": "100ms"})]


@pytest.fixture(scope="module", autouse=True)
def place(cluster: Cluster) -> None:
    cluster.create_database(PLACE, template="ctaudit")
    be_slow(cluster.dsn(PLACE))
    with psycopg.connect(cluster.dsn(), autocommit=True) as owner:
        for login, role in LOGINS.items():
            owner.execute(f"CREATE ROLE {login} LOGIN IN ROLE {role}")  # type: ignore[arg-type]


@contextmanager
def setting(cluster: Cluster, whose: str, name: str, value: str) -> Iterator[None]:
    """``whose``: "ROLE lr", "DATABASE limited"."""
    if name == "transaction_timeout" and cluster_version(cluster) < 17:
        pytest.skip("PostgreSQL 17 has it")
    kind, of = whose.split()
    target = (sql.SQL(kind), sql.Identifier(of), sql.Identifier(name))
    with psycopg.connect(cluster.dsn("postgres"), autocommit=True) as owner:
        owner.execute(sql.SQL("ALTER {} {} SET {} = {}").format(*target, sql.Literal(value)))
        try:
            yield
        finally:
            owner.execute(sql.SQL("ALTER {} {} RESET {}").format(*target))


def cluster_version(cluster: Cluster) -> int:
    with psycopg.connect(cluster.dsn("postgres")) as connection:
        return connection.info.server_version // 10000


@contextmanager
def all_set(cluster: Cluster, whose: str, settings: Mapping[str, str]) -> Iterator[None]:
    with ExitStack() as stack:
        for name, value in settings.items():
            stack.enter_context(setting(cluster, whose, name, value))
        yield


@pytest.mark.parametrize(("whose", "settings"), each("ROLE lr"), ids=str)
def test_recorder(
    cluster: Cluster, tmp_path: Path, whose: str, settings: Mapping[str, str]
) -> None:
    """The stream's row is locked for longer than the limit, and the batch takes longer than it."""
    dsn = cluster.dsn(PLACE, user="lr")
    let_record(dsn, "gw-l")
    gateway = Spooled(tmp_path, "gw-l")
    with gateway.receiving():
        assert gateway.record(dsn) == 0
        gateway.write(1, 2, 3)
        with all_set(cluster, whose, settings), locked(cluster):
            assert gateway.record(dsn) == 3


def test_recorder_of_a_quiet_gateway(
    cluster: Cluster, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Its session is idle for longer than the login's limit, and stays."""
    dsn = cluster.dsn(PLACE, user="lr")
    let_record(dsn, "gw-q")
    gateway = Spooled(tmp_path, "gw-q")
    looks = 0

    def stop() -> bool:
        nonlocal looks
        looks += 1
        if looks == 5:
            time.sleep(0.5)
            gateway.write(4)
        return looks > 10

    with gateway.receiving(), setting(cluster, "ROLE lr", "idle_session_timeout", "100ms"):
        gateway.write(1, 2, 3)
        assert gateway.record(dsn, stop) == 4
    assert "unreachable" not in caplog.text


@contextmanager
def locked(cluster: Cluster) -> Iterator[None]:
    """Locks the streams for 0.3 s from now on."""
    with psycopg.connect(cluster.dsn(PLACE), options=NO_LIMITS) as other:
        other.read_only = False
        other.execute("SELECT FROM ctaudit.stream WHERE node = 'gw-l' FOR UPDATE")
        ended = threading.Timer(0.3, other.rollback)
        ended.start()
        yield
        ended.join()


@pytest.mark.parametrize(("whose", "settings"), each("ROLE lm"), ids=str)
def test_maintainer(cluster: Cluster, whose: str, settings: Mapping[str, str]) -> None:
    with all_set(cluster, whose, settings):
        done = run("maintain", "--dsn", cluster.dsn(PLACE, user="lm"))
    assert done.status == 0, done.err


@pytest.mark.parametrize(("whose", "settings"), each(f"DATABASE {PLACE}"), ids=str)
def test_owner(cluster: Cluster, whose: str, settings: Mapping[str, str]) -> None:
    dsn = cluster.dsn(PLACE)
    with all_set(cluster, whose, settings):
        assert schema.install(dsn).migrations == ()
        for words in (("node", "rename", "gw1", "gw2"), ("node", "rename", "gw2", "gw1")):
            done = run(*words, "--dsn", dsn)
            assert done.status == 0, done.err


# Long enough for a busy machine to lift it in.
SHORT = {"statement_timeout": "100ms", "lock_timeout": "100ms"}
_SLOW_VERSION = f"""
CREATE OR REPLACE FUNCTION ctaudit.schema_version() RETURNS integer LANGUAGE sql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS
    'SELECT pg_sleep(0.15); SELECT {EXPECTED_SCHEMA}'
"""


def test_the_first_questions_of_a_connection_take_longer_than_the_limit(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is told of a limit, by nobody who lifts it."""
    monkeypatch.setattr(check_database, "RECORDER_USER", "no-such-user")
    name = "slow_version"
    cluster.create_database(name, template=PLACE)
    with psycopg.connect(cluster.dsn(name), autocommit=True) as owner:
        owner.execute(_SLOW_VERSION)
    recorder = cluster.dsn(name, user="lr")
    let_record(recorder, "gw-s")
    gateway = Spooled(tmp_path, "gw-s")
    with gateway.receiving(), all_set(cluster, f"DATABASE {name}", SHORT):
        gateway.write(1, 2, 3)
        assert gateway.record(recorder) == 3
        found = check_database.check_database(recorder, "ctaudit.record_live", "gw-s")
        done = run("maintain", "--dsn", cluster.dsn(name, user="lm"))
        assert done.status == 0, done.err
        done = run("node", "rename", "gw-s", "gw-t", "--dsn", cluster.dsn(name))
        assert done.status == 0, done.err
        done = run("schema", "upgrade", "--dsn", cluster.dsn(name))
        assert done.status == 0, done.err
    assert {item.level for item in found} == {Level.GOOD}, found


@pytest.mark.parametrize("whose", ["ROLE la", f"DATABASE {PLACE}"])
def test_auditor_is_answered_as_always(cluster: Cluster, whose: str) -> None:
    dsn = cluster.dsn(PLACE, user="la")
    before = ask(dsn)
    with all_set(cluster, whose, {**STRANGE, "default_transaction_read_only": "on"}):
        assert ask(dsn) == before
    assert before[0].status == 0


def ask(dsn: str) -> list[Done]:
    listed = ("flows", "--from", BASE.isoformat(), "--until", COVERED.isoformat())
    return [who(dsn, "1.2.3.4:53500", 1, "--json"), run(*listed, "--json", "--dsn", dsn)]


@pytest.mark.parametrize("whose", ["ROLE la", f"DATABASE {PLACE}"])
def test_auditors_statement_timeout_holds(cluster: Cluster, whose: str) -> None:
    dsn = cluster.dsn(PLACE, user="la")
    with setting(cluster, whose, "statement_timeout", "150ms"):
        for words in (
            ("who", "1.2.3.4:53500", "--at", BASE.isoformat()),
            ("who", "1.2.3.4:1", "--at", BASE.isoformat()),
            ("flows", "--from", BASE.isoformat()),
        ):
            said = refuse(5, *words, "--dsn", dsn)
            assert "statement timeout; it is the login's or the database's" in said


@pytest.mark.parametrize(("own", "during"), [("0", "3s"), ("1s", "1s"), ("1min", "3s")])
def test_hints_do_not_lift_an_auditors_statement_timeout(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, own: str, during: str
) -> None:
    question = read_who("1.2.3.4:1", at=BASE.isoformat())
    seen: list[str] = []

    def show(connection: psycopg.Connection[Any], *_: object) -> list[Any]:
        seen.append(connection.execute("SHOW statement_timeout").fetchall()[0][0])
        return []

    monkeypatch.setattr(lookup, "select_rows", show)
    monkeypatch.setattr(lookup, "find_hints", lambda asked, select, _: tuple(select(asked)))
    monkeypatch.setattr(time, "monotonic", lambda: 5.0)
    with psycopg.connect(cluster.dsn(PLACE, user="la")) as connection:
        connection.execute(f"SET statement_timeout = '{own}'")  # type: ignore[arg-type]
        lookup._look_for_hints(connection, question)
        show(connection)
    assert seen == [during, own]


def test_connection_limit_is_named(cluster: Cluster) -> None:
    with psycopg.connect(cluster.dsn("postgres"), autocommit=True) as owner:
        owner.execute("ALTER ROLE lm CONNECTION LIMIT 0")
        said = refuse(5, "maintain", "--dsn", cluster.dsn(PLACE, user="lm"))
        owner.execute("ALTER ROLE lm CONNECTION LIMIT -1")
    assert said.endswith(
        'too many connections for role "lm"; end another session of it, or raise its '
        "CONNECTION LIMIT"
    )
