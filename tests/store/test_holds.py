"""Legal holds by the commands: set, lifted, listed; and that maintenance keeps what they hold.

What is kept of a held span is in sql/tests/holds.sql.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import psycopg
import pytest

from ctaudit.config import RetentionSection
from ctaudit.database import schema
from ctaudit.database.maintenance import Maintained, maintain
from lab.cluster import Cluster
from lab.waiting import comes_true
from tests.store.gateway import Gateway, opened, tuples
from tests.store.scenario import Done, refuse, run

NAME = "holds"
TODAY = datetime.now(UTC).date()
OLD = TODAY - timedelta(40)
SPAN = ["--from", f"{OLD}T12:00:00Z", "--until", f"{OLD}T13:00:00Z"]


@pytest.fixture(scope="module")
def store(cluster: Cluster) -> Cluster:
    cluster.create_database(NAME)
    schema.install(cluster.dsn(NAME))
    return cluster


@pytest.fixture
def dsn(store: Cluster) -> Iterator[str]:
    """The owner's, of a store with a gateway and partitions of 42 days."""
    dsn = store.dsn(NAME)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO ctaudit.node (node, first_seen) VALUES ('gw1', '2020-01-01')"
        )
        for ago in (42, 41, 40, 39):
            connection.execute(
                "SELECT ctaudit.make_partition('flow', %s)", (TODAY - timedelta(ago),)
            )
    yield dsn
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("TRUNCATE ctaudit.opening_default, ctaudit.node CASCADE")


def at(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def hold(dsn: str, *words: str) -> Done:
    done = run("hold", *words, "--dsn", dsn, env={"TZ": "UTC"})
    assert (done.status, done.err) == (0, ""), done
    return done


def old_days(dsn: str) -> list[object]:
    with psycopg.connect(dsn) as connection:
        rows = connection.execute(
            "SELECT day FROM ctaudit.partitions() WHERE day < current_date - 30 ORDER BY 1"
        ).fetchall()
    return [row[0] for row in rows]


def test_set_kept_lifted_dropped(dsn: str) -> None:
    said = hold(
        dsn, "set", "--case", "2026-17", *SPAN, "--node", "gw1",
        "--address", "192.168.1.129", "10.0.0.0/8", "--address", "2001:db8::/32",
    ).out  # fmt: skip
    assert said == (
        f"The record from {OLD} 12:00:00+00:00 until {OLD} 13:00:00+00:00 is held for case "
        f"2026-17; maintenance keeps {OLD} (UTC) whole, and what a question needs around it.\n"
    )
    assert Maintained("held", "2026-17", 1) in list(maintain(dsn, RetentionSection(30)))
    assert old_days(dsn) == [OLD]

    (listed,) = hold(dsn, "list", "--json").json["holds"]
    with psycopg.connect(dsn) as connection:
        me = connection.info.user
    assert listed.pop("set_at").startswith(f"{datetime.now(UTC):%Y-%m-%dT}")
    assert listed == {
        "case_reference": "2026-17",
        "held_from": f"{OLD}T12:00:00.000000Z", "held_until": f"{OLD}T13:00:00.000000Z",
        "node": "gw1", "addresses": ["192.168.1.129", "10.0.0.0/8", "2001:db8::/32"],
        "set_by": me, "lifted_at": None, "lifted_by": None,
        "kept_from": f"{OLD}", "kept_until": f"{OLD}",
    }  # fmt: skip

    assert hold(dsn, "lift", "2026-17").out == (
        "The hold of case 2026-17 is lifted; retention applies again.\n"
    )
    assert refuse(2, "hold", "lift", "2026-17", "--dsn", dsn) == (
        "case 2026-17 has no hold; ctaudit hold list shows the holds"
    )
    assert f"by {me}" in hold(dsn, "list").out.split("lifted", 1)[1]
    list(maintain(dsn, RetentionSection(30)))
    assert old_days(dsn) == []


def test_nat_mode_needs_the_openings_of_the_days_before(dsn: str) -> None:
    """No dump tells what had begun."""
    gateway = Gateway(dsn, "cgn", "nat")
    gateway.note("start", at(OLD - timedelta(9)), {"mode": "nat"})
    gateway.close()
    hold(dsn, "set", "--case", "x", *SPAN, "--node", "cgn")
    list(maintain(dsn, RetentionSection(30)))
    assert old_days(dsn) == [OLD - timedelta(2), OLD - timedelta(1), OLD]


def test_an_import_needs_the_ends_of_its_longest(dsn: str) -> None:
    with psycopg.connect(dsn) as connection:
        connection.execute("INSERT INTO ctaudit.node (node, first_seen) VALUES ('old', now())")
        connection.execute(
            "INSERT INTO ctaudit.import (node, imported_from, source, ends_from, ends_until,"
            " longest) VALUES ('old', 'ulogd2', 'x', %s, %s, '1 day')",
            (at(OLD - timedelta(5)), at(OLD + timedelta(5))),
        )
    hold(dsn, "set", "--case", "x", *SPAN, "--node", "old")
    list(maintain(dsn, RetentionSection(30)))
    assert old_days(dsn) == [OLD, OLD + timedelta(1)]


def test_what_waits_in_the_default_partition_can_be_held(dsn: str) -> None:
    day = OLD - timedelta(5)
    gateway = Gateway(dsn, "gw1")
    gateway.note("start", at(day), {"mode": "live"})
    event = {**tuples("192.168.1.129 1 > 19.1.16.7 2", "19.1.16.7 2 > 1.2.3.4 1"), "proto": 6}
    gateway.record([opened({**event, "ct_id": 1}, at(day) + timedelta(hours=1))], at(OLD))
    gateway.close()
    hold(dsn, "set", "--case", "x", "--from", f"{day}", "--until", f"{day + timedelta(1)}")


def test_who_has_a_hold_under_way_is_named(dsn: str) -> None:
    """Drops, and days that are closed, wait for it."""
    with psycopg.connect(dsn) as setting, psycopg.connect(dsn, autocommit=True) as connection:
        setting.execute("INSERT INTO ctaudit.hold (case_reference, held_from, held_until)"
                        " VALUES ('x', now(), now() + interval '1 day')")  # fmt: skip
        pid = setting.info.backend_pid
        assert comes_true(lambda: connection.execute(
            "SELECT pid FROM ctaudit.lock_holders('flow')"
        ).fetchall() == [(pid,)], 10)  # fmt: skip
        setting.rollback()


def test_no_hold(dsn: str) -> None:
    assert hold(dsn, "list").out == "No hold was ever set.\n"
    assert hold(dsn, "list", "--json").json == {"holds": []}


def test_what_is_gone_already_is_said(dsn: str) -> None:
    oldest = old_days(dsn)[0]
    said = hold(dsn, "set", "--case", "x", "--from", "2020-01-01", "--until", f"{TODAY}").out
    assert (
        said.splitlines()[1] == f"What is older than {oldest} (UTC) is not in the record any more."
    )


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--case", "", *SPAN], "--case: must not be empty"),
        (["--case", "x", *SPAN, "--node", "gw9"], "no gateway is named gw9"),
        (["--case", "x", *SPAN, "--address", "10.0.0.1/8"], "did you mean 10.0.0.0/8?"),
        (["--case", "x", "--from", "2026-01-02", "--until", "2026-01-01"], "must be later than"),
        (["--case", "x", "--from", "2020-01-01", "--until", "2020-01-02"], "nothing is left of"),
        (["--case", "x", "--from", "now", "--until", "2026-01-01"], "--from 'now': not a time"),
    ],
)
def test_refused(dsn: str, words: list[str], sentence: str) -> None:
    assert sentence in refuse(2, "hold", "set", *words, "--dsn", dsn)
    assert hold(dsn, "list", "--json").json == {"holds": []}


@pytest.mark.parametrize("login", ["audrey", "rex", "mary", "stranger"])
@pytest.mark.parametrize("words", [["set", "--case", "x", *SPAN], ["lift", "x"], ["list"]])
def test_for_the_owner_only(store: Cluster, dsn: str, login: str, words: list[str]) -> None:
    refuse(7, "hold", *words, "--dsn", store.dsn(NAME, user=login))
    assert hold(dsn, "list", "--json").json == {"holds": []}


def test_a_hold_waits_for_a_drop_that_runs(dsn: str) -> None:
    """And is then told that nothing is left: never a day that is dropped after it was held."""
    said: list[str] = []

    def set_it() -> None:
        said.append(refuse(2, "hold", "set", "--case", "x", *SPAN, "--dsn", dsn))

    with psycopg.connect(dsn) as dropping:
        for ago in (42, 41, 40):
            dropping.execute(
                "SELECT ctaudit.drop_partition('flow', %s, 30)", (TODAY - timedelta(ago),)
            )
        worker = threading.Thread(target=set_it)
        worker.start()
        waiting = "SELECT FROM pg_locks WHERE NOT granted AND relation = 'ctaudit.hold'::regclass"
        assert comes_true(lambda: dropping.execute(waiting).fetchone() is not None, 20)
        dropping.commit()
    worker.join()
    assert "nothing is left of the time until" in said[0]
