"""Partitions ahead, default partitions emptied, retention, and recording meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from ctaudit.database import schema
from ctaudit.database.schema import Maintained
from ctaudit.errors import DatabaseError
from lab.cluster import Cluster
from tests.store.gateway import Gateway, ended, opened, tuples

NOW = datetime.now(UTC)
CONNECTION = {
    **tuples("192.168.1.129 53400 > 19.1.16.7 443", "19.1.16.7 443 > 1.2.3.4 53500"),
    "proto": 6, "status": 0x198,
}  # fmt: skip


@pytest.fixture
def dsn(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[str]:
    name = request.node.name[:60]
    cluster.create_database(name)
    schema.install(cluster.dsn(name))
    yield cluster.dsn(name)
    with psycopg.connect(cluster.dsn("postgres"), autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def fetch(dsn: str, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(dsn) as connection:
        return connection.execute(query).fetchall()


def day(ago: int) -> datetime:
    return NOW - timedelta(days=ago)


def name(table: str, ago: int) -> str:
    return f"{table}_p{day(ago):%Y%m%d}"


def fill(dsn: str) -> None:
    """A stream 40 days old, ended connections on some days, and rows of a wrong clock."""
    gateway = Gateway(dsn, "gw1")
    gateway.listen(day(40))
    for number, ago in enumerate((39, 31, 10, 5, 0)):
        connection = {**CONNECTION, "ct_id": number}
        at = day(ago)
        gateway.record(
            [opened(connection, at), ended(connection, at, at + timedelta(microseconds=5))], at
        )
    gateway.record([opened({**CONNECTION, "ct_id": 99}, datetime(1970, 1, 1, tzinfo=UTC))], NOW)
    gateway.close()


def test_default_partitions_are_emptied_and_retention_drops(dsn: str) -> None:
    fill(dsn)
    assert fetch(dsn, "SELECT count(*) FROM ctaudit.opening_default") == [(5,)]
    done = schema.maintain(dsn, 30)
    assert Maintained("moved", name("opening", 10), 1) in done
    assert Maintained("moved", name("flow", 5), 1) in done
    assert Maintained("deleted", "opening_default", 2) in done
    assert Maintained("kept", "opening_default", 1) in done
    assert Maintained("trimmed", "note", 3) in done
    assert fetch(dsn, "SELECT ct_id FROM ctaudit.opening_default") == [(99,)]
    assert fetch(dsn, "SELECT ct_id FROM ctaudit.flow ORDER BY 1") == [(2,), (3,), (4,)]
    assert fetch(dsn, f"SELECT ct_id FROM ctaudit.{name('flow', 10)}") == [(2,)]
    assert schema.maintain(dsn, 30) == [Maintained("kept", "opening_default", 1)]

    assert Maintained("dropped", name("opening", 10), None) in schema.maintain(dsn, 7)
    assert fetch(dsn, "SELECT ct_id FROM ctaudit.opening WHERE ct_id <> 99 ORDER BY 1") == [
        (3,), (4,),
    ]  # fmt: skip


def test_the_past_beyond_retention_is_unknown(dsn: str) -> None:
    fill(dsn)
    ask = "SELECT complete, why FROM ctaudit.completeness(NULL, '{0}', '{0}'::timestamptz + '1 s')"
    assert fetch(dsn, ask.format(day(20))) == [(True, None)]
    schema.maintain(dsn, 7)
    assert fetch(dsn, ask.format(day(3))) == [(True, None)]
    ((complete, why),) = fetch(dsn, ask.format(day(20)))
    assert (complete, str(why)[:46]) == (False, "gw1: past retention: the record is kept from 2")
    gateway_row = fetch(dsn, "SELECT covered_from = c.covered_from FROM ctaudit.stream "
        "JOIN ctaudit.coverage AS c USING (node, stream, covered_from)")  # fmt: skip
    assert gateway_row == [(True,)], "the current span goes on"


def test_a_lock_is_waited_for_but_not_for_ever(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(dsn)
    holder = psycopg.connect(dsn)
    holder.execute("LOCK TABLE ctaudit.flow_default IN ACCESS SHARE MODE")
    monkeypatch.setattr(schema, "_TRIES", 1)
    with pytest.raises(DatabaseError, match="lock timeout"):
        schema.maintain(dsn, 30)
    assert fetch(dsn, "SELECT count(*) FROM ctaudit.opening_default") == [(5,)], "all or nothing"
    monkeypatch.undo()
    release = threading.Timer(3, holder.close)
    release.start()
    assert Maintained("moved", name("flow", 5), 1) in schema.maintain(dsn, 30)
    release.join()


def test_recording_goes_on_meanwhile(dsn: str) -> None:
    """Batches with odd and sane times against maintain: nothing is lost, nobody deadlocks."""
    gateway = Gateway(dsn, "gw1")
    gateway.listen(day(20))
    stop = threading.Event()
    count = 0
    faults: list[Exception] = []

    def record() -> None:
        nonlocal count
        try:
            while not stop.is_set():
                connection = {**CONNECTION, "ct_id": count}
                at = day(count % 20)
                gateway.record([opened(connection, at), ended(connection, at, at)], at)
                count += 1
        except psycopg.Error as error:
            faults.append(error)

    worker = threading.Thread(target=record)
    worker.start()
    try:
        for _ in range(10):
            schema.maintain(dsn, 30)
    finally:
        stop.set()
        worker.join()
    gateway.close()
    assert faults == []
    assert count > 20
    assert fetch(dsn, "SELECT count(*), count(DISTINCT ct_id) FROM ctaudit.flow") == [
        (count, count)
    ]
    schema.maintain(dsn, 30)
    assert fetch(dsn, "SELECT count(*) FROM ctaudit.flow_default") == [(0,)]
