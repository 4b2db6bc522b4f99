"""The scope in the store: a fleet of which one is silent, and the check of an own scope."""

from __future__ import annotations

import uuid
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from ctaudit.admin.check_database import check_database
from ctaudit.admin.finding import Level
from ctaudit.database import schema
from lab.cluster import Cluster
from tests.store.gateway import Gateway, nanoseconds, opened, tuples
from tests.store.scenario import ARTICLE, after, run, who

HOUR = timedelta(hours=1)
NOW = datetime.now(UTC)
FLEET = {"gw1": "1.2.3.4/32", "gw2": "1.2.3.5/32", "gw3": "1.2.3.6/32"}


def scope(public: str | None, since: datetime | None = None) -> dict[str, object]:
    return {
        "public": public and [public],
        "internal": public and ["192.168.0.0/16"],
        "hidden": [],
        "source": "learned",
        "since": since and nanoseconds(since),
    }


@pytest.fixture(scope="module")
def fleet(cluster: Cluster) -> str:
    """gw1 and gw2 record; gw3 is silent since an hour, and said its scope before."""
    cluster.create_database("fleet_of_three")
    schema.install(cluster.dsn("fleet_of_three"))
    for node, public in FLEET.items():
        with closing(Gateway(cluster.dsn("fleet_of_three", user="rex"), node)) as gateway:
            gateway.note("start", after(0), {"mode": "live"})
            gateway.note("scope", after(0.1), scope(public))
            gateway.dump(after(1))
            if node == "gw1":
                gateway.record([opened(ARTICLE, after(3700))], after(3700))
            gateway.record([], after(3600 if node == "gw3" else 7000))
    return "fleet_of_three"


def test_ask_takes_the_end_in_a_scope_for_the_public_one(
    cluster: Cluster, fleet: str, tmp_path: Path
) -> None:
    letter = tmp_path / "letter.txt"
    at = after(3710).strftime("%Y-%m-%dT%H:%M:%SZ")
    letter.write_text(f"{at} 19.1.16.7:443 -> 1.2.3.4:53500\n")
    done = run("ask", str(letter), "--dsn", cluster.dsn(fleet, user="audrey"))
    assert done.status == 0, done
    assert "  public     1.2.3.4:53500 (target)\n" in done.out
    assert "  note       1.2.3.4 is in the scope of a gateway, and 19.1.16.7 is not\n" in done.out
    assert "192.168.1.129:53400 was behind 1.2.3.4:53500" in done.out


@pytest.fixture(scope="module")
def own(cluster: Cluster) -> str:
    cluster.create_database("scopes")
    schema.install(cluster.dsn("scopes"))
    return "scopes"


@pytest.mark.parametrize(
    ("public", "status"),
    [("1.2.3.4:53500", 0), ("1.2.3.4:1", 1), ("1.2.3.5:1", 1), ("1.2.3.6:1", 4), ("1.2.3.7:1", 4)],
)
def test_questions_about_the_others_are_answered(
    cluster: Cluster, fleet: str, public: str, status: int
) -> None:
    done = who(cluster.dsn(fleet, user="audrey"), public, 3800)
    assert done.status == status, done
    if public.startswith("1.2.3.7"):
        assert "Unknown: gw3: 1.2.3.7 is not an address of this gateway" in done.out
        assert "is 1.2.3.6, 192.168.0.0/16)." in done.out


def test_flows_shows_the_internal_end_as_host(cluster: Cluster) -> None:
    """Of a connection that was opened from outside and not translated, with and without a scope."""
    cluster.create_database("opened_from_outside")
    dsn = cluster.dsn("opened_from_outside")
    schema.install(dsn)
    outside = {**ARTICLE, "status": 0, **tuples(
        "19.1.16.7 40001 > 192.168.1.130 443", "192.168.1.130 443 > 19.1.16.7 40001"
    )}  # fmt: skip
    for node in ("gw1", "gw2"):
        with closing(Gateway(dsn, node)) as gateway:
            gateway.note("start", after(0), {"mode": "live"})
            if node == "gw1":
                gateway.note("scope", after(0.1), scope("1.2.3.4/32"))
            gateway.record([opened(outside, after(10))], after(10))
            gateway.record([], after(100))
    with psycopg.connect(dsn) as connection:
        question = (
            "SELECT node, host(host), host(remote) FROM ctaudit.flows(p_host => %s) ORDER BY 1"
        )
        said = {
            host: connection.execute(question, (host,)).fetchall()
            for host in (None, "192.168.0.0/16", "19.0.0.0/8")
        }
    inside, outsider = ("192.168.1.130", "19.1.16.7"), ("19.1.16.7", "192.168.1.130")
    assert said == {
        None: [("gw1", *inside), ("gw2", *outsider)],
        "192.168.0.0/16": [("gw1", *inside), ("gw2", *inside)],
        "19.0.0.0/8": [("gw2", *outsider)],
    }


def rows(connection: psycopg.Connection[object], node: str) -> list[object]:
    return connection.execute(
        "SELECT noted_at - valid_from, public::text[] FROM ctaudit.scope"
        " WHERE node = %s ORDER BY position",
        (node,),
    ).fetchall()


def test_an_equal_scope_of_the_stream_makes_no_row(cluster: Cluster, own: str) -> None:
    with (
        closing(Gateway(cluster.dsn(own, user="rex"), "scoped")) as gateway,
        psycopg.connect(cluster.dsn(own), autocommit=True) as connection,
    ):
        gateway.note("start", NOW - HOUR, {"mode": "live"})
        for minute, public, since in [
            (0, "1.2.3.4/32", None), (10, "1.2.3.4/32", NOW), (20, "1.2.3.9/32", NOW - HOUR),
            (30, None, NOW - 9 * HOUR), (31, None, None), (40, "1.2.3.9/32", NOW + HOUR),
        ]:  # fmt: skip
            at = NOW - HOUR + minute * timedelta(minutes=1)
            gateway.note("scope", at, scope(public, since))
        nothing = timedelta(0)
        assert rows(connection, "scoped") == [
            (nothing, ["1.2.3.4/32"]),
            (timedelta(minutes=20), ["1.2.3.9/32"]),
            (2 * HOUR, None),
            (nothing, ["1.2.3.9/32"]),
        ]
        gateway.stream, gateway.position = uuid.uuid4(), 10_000
        gateway.note("start", NOW, {"mode": "live"})
        gateway.note("scope", NOW, scope("1.2.3.9/32"))
        assert len(rows(connection, "scoped")) == 5


def test_retention_keeps_the_scope_that_held_then(cluster: Cluster, own: str) -> None:
    with (
        closing(Gateway(cluster.dsn(own, user="rex"), "trimmed")) as gateway,
        psycopg.connect(cluster.dsn(own), autocommit=True) as connection,
    ):
        gateway.note("start", NOW - timedelta(9), {"mode": "live"})
        for days in (8, 7, 3):
            gateway.note("scope", NOW - timedelta(days), scope(f"1.2.3.{days}/32"))
        connection.execute("SELECT ctaudit.trim_before(5)")
        nothing = timedelta(0)
        assert rows(connection, "trimmed") == [(nothing, ["1.2.3.7/32"]), (nothing, ["1.2.3.3/32"])]


def test_check_finds_translations_outside_of_the_scope(cluster: Cluster, own: str) -> None:
    def found() -> dict[str, tuple[Level, str]]:
        findings = check_database(cluster.dsn(own, user="rex"), "ctaudit.record_live", "checked")
        return {item.name: (item.level, item.found) for item in findings}

    with closing(Gateway(cluster.dsn(own, user="rex"), "checked")) as gateway:
        now = datetime.now(UTC)
        gateway.listen(now - HOUR)
        gateway.record([opened(ARTICLE, now)], now)
        assert "translations" not in found()
        gateway.note("scope", now - HOUR, scope("1.2.3.4/32"))
        assert found()["translations"] == (Level.GOOD, "1 of the last ten minutes")
        gateway.note("scope", now - HOUR / 2, scope("1.2.3.9/32"))
        assert found()["translations"] == (
            Level.WARNING,
            "1 of 1 of the last ten minutes use an address outside of the scope",
        )
        gateway.note("scope", now, scope(None))
        assert "translations" not in found()
