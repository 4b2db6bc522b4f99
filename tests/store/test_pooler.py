"""PgBouncer between the programs and the server: transaction pooling serves all of them."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from ctaudit.admin import nodes
from ctaudit.admin.check_database import check_database
from ctaudit.database import schema
from lab.cluster import Cluster
from lab.pooler import Pooler, pooling
from tests.store.conftest import LOGINS
from tests.store.gateway import let_record
from tests.store.limits import be_slow
from tests.store.scenario import BASE, COVERED, refuse, run, who
from tests.store.spooled import Spooled

TODAY = f"{BASE:%Y-%m-%d}"
# Each left behind on the one connection to the server by a client that forgot it.
LEFT_BEHIND = (
    "SET DateStyle = 'SQL, DMY'",
    "SET TimeZone = 'Asia/Kolkata'",
    "SET statement_timeout = '100ms'",
    "SET lock_timeout = '1ms'",
    "SET idle_in_transaction_session_timeout = '100ms'",
    "SET default_transaction_read_only = on",
    "SET default_transaction_isolation = 'serializable'",
    "SET search_path = nowhere",
    "PREPARE record AS SELECT 1",
    "DECLARE flows CURSOR WITH HOLD FOR SELECT 1",
)


@pytest.fixture(scope="module")
def place(cluster: Cluster) -> str:
    cluster.create_database("pooled", template="ctaudit")
    be_slow(cluster.dsn("pooled"))
    return "pooled"


@pytest.fixture
def pooler(cluster: Cluster) -> Iterator[Pooler]:
    """One connection to the server for each login, in a fresh pool."""
    with pooling(cluster, [*LOGINS, cluster.superuser]) as made:
        yield made


def count(cluster: Cluster, place: str, node: str) -> int:
    with psycopg.connect(cluster.dsn(place)) as connection:
        (number,) = connection.execute(
            "SELECT count(*) FROM ctaudit.opening WHERE node = %s", (node,)
        ).fetchone() or (0,)
    return int(number)


def test_recorder_that_restarts(
    cluster: Cluster, place: str, pooler: Pooler, tmp_path: Path
) -> None:
    let_record(cluster.dsn(place, user="rex"), "again")
    dsn = pooler.dsn(place, "rex")
    gateway = Spooled(tmp_path, "again")
    with gateway.receiving():
        for life in range(4):
            gateway.write(*range(life * 10, life * 10 + 10))
            assert gateway.record(dsn) == 10
            with psycopg.connect(dsn, autocommit=True) as other:
                other.execute(f"PREPARE record_{life} AS SELECT 1")  # type: ignore[arg-type]
    assert count(cluster, place, "again") == 40


def test_two_recorders_of_two_modes_and_one_connection(
    cluster: Cluster, place: str, pooler: Pooler, tmp_path: Path
) -> None:
    """They take turns on it; each is recorded by the procedure of its own mode."""
    gateways = []
    for mode in ("live", "nat"):
        let_record(cluster.dsn(place, user="rex"), f"turn-{mode}")
        (tmp_path / mode).mkdir()
        gateways.append(Spooled(tmp_path / mode, f"turn-{mode}", mode))
    with gateways[0].receiving(), gateways[1].receiving(), ThreadPoolExecutor(2) as pool:
        for number in range(5):
            for gateway in gateways:
                gateway.write(number)
            taken = pool.map(Spooled.record, gateways, [pooler.dsn(place, "rex")] * 2)
            assert list(taken) == [1, 1]
    assert count(cluster, place, "turn-live") == count(cluster, place, "turn-nat") == 5


@pytest.mark.parametrize("left", LEFT_BEHIND)
def test_what_another_client_left_behind(
    cluster: Cluster, place: str, pooler: Pooler, tmp_path: Path, left: str
) -> None:
    let_record(cluster.dsn(place, user="rex"), "left")
    for login in LOGINS:
        with psycopg.connect(pooler.dsn(place, login), autocommit=True) as other:
            other.execute(left)  # type: ignore[arg-type]
    before = count(cluster, place, "left")
    gateway = Spooled(tmp_path, "left")
    with gateway.receiving():
        gateway.write(1, 2, 3)
        assert gateway.record(pooler.dsn(place, "rex")) == 3
    assert count(cluster, place, "left") == before + 3
    maintained = run("maintain", "--dsn", pooler.dsn(place, "mary"))
    assert maintained.status == 0, maintained.err
    # An auditor's own limit holds, wherever it was set.
    if "timeout" not in left:
        for number in range(2):
            assert who(pooler.dsn(place, "audrey"), "1.2.3.4:53500", 1).status == 0, number
            listed = flows(pooler.dsn(place, "audrey"))
            assert listed.out.count("192.168.1.129") > 1, listed.err


def flows(dsn: str, *words: str):  # type: ignore[no-untyped-def]
    return run("flows", "--node", "gw1", "--from", BASE.isoformat(), "--dsn", dsn, *words)


def test_questions_are_answered_as_without_it(cluster: Cluster, place: str, pooler: Pooler) -> None:
    ways = [cluster.dsn(place, user="audrey"), pooler.dsn(place, "audrey")] * 2
    for direct, pooled in (ways[:2], ways[2:]):
        for words in (
            ("flows", "--from", BASE.isoformat(), "--until", COVERED.isoformat()),
            ("traffic", "--from", BASE.isoformat(), "--until", COVERED.isoformat()),
            ("node", "list"),
        ):
            answers = [run(*words, "--json", "--dsn", dsn) for dsn in (direct, pooled)]
            assert answers[0] == answers[1]
        assert run("status", "--dsn", pooled).status == 0


def test_check_finds_the_same_through_it(cluster: Cluster, place: str, pooler: Pooler) -> None:
    ways = (cluster.dsn(place, user="rex"), pooler.dsn(place, "rex"))
    direct, pooled = (
        [(item.name, item.level) for item in check_database(dsn, "ctaudit.record_live", "gw1")]
        for dsn in ways
    )
    assert direct == pooled
    assert len(direct) > 5


def test_schema_and_owner_through_it(cluster: Cluster, pooler: Pooler) -> None:
    """Two installers at once, then what the owner changes."""
    cluster.create_database("pooled_anew")
    dsn = pooler.dsn("pooled_anew", cluster.superuser)
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(schema.install, [dsn, dsn])
    assert {*first.migrations, *second.migrations} >= {"0001_store", "0002_inquiries"}
    assert schema.status(dsn).pending == ()
    assert run("schema", "upgrade", "--dsn", dsn).status == 0
    assert run("schema", "status", "--dsn", dsn).status == 0
    assert "rex" in nodes.add_login(dsn, "new", "rex", None)
    held = run("hold", "set", "--case", "1", "--from", TODAY, "--until", TODAY + "T23:00:00Z",
               "--dsn", dsn)  # fmt: skip
    assert held.status == 0, held.err
    with psycopg.connect(dsn) as connection:
        assert connection.execute("SELECT current_user, count(*) FROM pg_cursors").fetchone() == (
            cluster.superuser,
            0,
        )


def test_statement_pooling_is_refused(cluster: Cluster, place: str) -> None:
    with pooling(cluster, [*LOGINS, cluster.superuser], mode="statement") as made:
        for login, words in (
            ("audrey", ("who", "1.2.3.4:53500", "--at", "2026-02-22 11:59:43")),
            ("audrey", ("flows",)),
            ("audrey", ("status",)),
            ("mary", ("maintain",)),
            (cluster.superuser, ("schema", "upgrade")),
        ):
            said = refuse(5, *words, "--dsn", made.dsn(place, login))
            assert "set pool_mode = transaction" in said, said
