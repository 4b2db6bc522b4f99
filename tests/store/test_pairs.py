"""A declared pair by the commands: gw1 stopped, and gw2 has its connections since a table dump."""

from __future__ import annotations

from contextlib import closing
from datetime import datetime

import psycopg
import pytest

from ctaudit.admin import check_database
from ctaudit.admin.finding import Finding, Level
from ctaudit.database import schema
from lab.cluster import Cluster
from tests.store.gateway import Gateway, ended, opened
from tests.store.scenario import ARTICLE, SHARED_A, STANDING, after, run, who

NAME = "pairs"
DUMP = 1200  # seconds after which the dump begins
ENTRY = {**ARTICLE, "start_sent": after(900), "ct_id": 77}


def declare(cluster: Cluster, node: str, pair: str | None) -> Gateway:
    gateway = Gateway(cluster.dsn(NAME, user="rex"), node)
    gateway.note("start", after(0), {"mode": "live", "timestamp": 1, "events": 1, "pair": pair})
    gateway.dump(after(1))
    return gateway


@pytest.fixture(scope="module")
def store(cluster: Cluster) -> str:
    """gw1 is read until 600 s; gw2 has its connection since 900 s, by a NEW, and a gap later."""
    cluster.create_database(NAME)
    schema.install(cluster.dsn(NAME))
    with closing(declare(cluster, "gw1", "gw2")) as gw1:
        gw1.record([opened(ARTICLE, after(50))], after(599))
        gw1.note("stop", after(600), {})
    with closing(declare(cluster, "gw2", "gw1")) as gw2:
        gw2.record([{**opened(ENTRY, after(900)), "start_sent": None}], after(DUMP - 1))
        gw2.dump(after(DUMP), [ENTRY])
        gw2.record([opened(SHARED_A, after(2000))], after(2500))
        gw2.record([ended(SHARED_A, after(2000), after(2600))], after(3000))
        gw2.note("overrun", after(3001), {"lost": 1})
        gw2.dump(after(3100), [ENTRY])
        gw2.record([], after(4000))
    with closing(declare(cluster, "gw3", "gw9")) as gw3:
        gw3.record([], after(4000))
    with closing(declare(cluster, "gw4", "gw3")) as gw4:
        gw4.record([], after(4000))
    return cluster.dsn(NAME, user="audrey")


def test_who_names_the_pair(store: str) -> None:
    done = who(store, "1.2.3.4:53500", 2000)
    assert done.status == 0, done
    assert "192.168.1.129:53400 was behind 1.2.3.4:53500" in done.out
    (line,) = [line for line in done.out.splitlines() if line.startswith("Pair: ")]
    assert line.startswith("Pair: gw1: has recorded nothing since ")
    assert "; its pair gw2 has its connections since the table dump of " in line
    plain = who(store, "1.2.3.4:53500", 2000, "--json").json
    by_pair = {item["node"]: item["by_pair"] for item in plain["completeness"]}
    assert by_pair["gw1"] and by_pair["gw2"] is None
    assert {item["complete"] for item in plain["completeness"]} == {True}


@pytest.mark.parametrize(
    ("seconds", "node", "status"),
    [
        (500, None, 1),
        (1000, None, 4),
        (2000, None, 1),
        (2000, "gw1", 4),
        (2000, "gw2", 1),
        (3050, None, 4),
        (3500, None, 1),
        (4100, None, 4),
    ],
)
def test_when_the_pair_counts(store: str, seconds: int, node: str | None, status: int) -> None:
    options = ["--node", node] if node else []
    assert who(store, "1.2.3.4:999", seconds, *options).status == status


def test_flows_names_what_neither_covers(store: str) -> None:
    def uncovered(node: str | None, since: int, until: int) -> list[tuple[str, datetime, datetime]]:
        with psycopg.connect(store) as connection:
            rows = connection.execute(
                "SELECT node, uncovered_from, uncovered_until FROM ctaudit.uncovered(%s, %s, %s)",
                (node, after(since), after(until)),
            ).fetchall()
        return [(row[0], row[1], row[2]) for row in rows]

    assert uncovered(None, 1300, 2900) == []
    both = uncovered(None, 300, 3900)
    of_gw1 = [(since, until) for node, since, until in both if node == "gw1"]
    assert of_gw1 == [(after(599), after(DUMP)), (after(3000), after(3100))]
    assert [node for node, *_ in both] == ["gw1", "gw1", "gw2"]
    assert uncovered("gw1", 1300, 2900) == [("gw1", after(1300), after(2900))]


@pytest.fixture
def as_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_database, "RECORDER_USER", "no-such-user")


@pytest.mark.usefixtures("as_root", "store")
@pytest.mark.parametrize(
    ("node", "level", "says"),
    [
        ("gw1", Level.GOOD, "gw2 names this gateway too"),
        ("gw3", Level.WARNING, "gw9 is no gateway of this database"),
        ("gw4", Level.WARNING, "gw3 does not name this gateway"),
    ],
)
def test_check_looks_at_both_sides(cluster: Cluster, node: str, level: Level, says: str) -> None:
    dsn = cluster.dsn(NAME, user="rex")
    found: dict[str, Finding] = {
        item.name: item for item in check_database.check_database(dsn, "ctaudit.record_live", node)
    }
    assert (found["pair"].level, found["pair"].found) == (level, says)


def test_status_names_the_pair(store: str) -> None:
    lines = run("status", "--dsn", store).out.splitlines()
    assert [line for line in lines if line.startswith("  pair")] == [
        "  pair       gw2",
        "  pair       gw1",
        "  pair       gw9, which is no gateway here: it does not count",
        "  pair       gw3, which does not name gw4: it does not count",
    ]


@pytest.mark.usefixtures("store")
def test_what_the_other_shows_without_a_new_is_no_gap(cluster: Cluster) -> None:
    """What was injected; a connection that the other has not is one that no event announced."""
    with closing(declare(cluster, "gw6", "gw5")) as gw6:
        with closing(declare(cluster, "gw5", "gw6")) as gw5:
            gw5.record([opened(ARTICLE, after(50))], after(599))
        gw6.record([], after(1000))
        gw6.dump(after(1200), [ENTRY])
        gw6.record([], after(1300))
        gaps = "SELECT count(*) FROM ctaudit.gap WHERE node = 'gw6'"
        with psycopg.connect(cluster.dsn(NAME)) as connection:
            assert connection.execute(gaps).fetchall() == [(0,)]
        gw6.dump(after(1400), [ENTRY, {**STANDING, "start_sent": after(1250)}])
        gw6.record([], after(1500))
        with psycopg.connect(cluster.dsn(NAME)) as connection:
            assert connection.execute(gaps).fetchall() == [(1,)]
