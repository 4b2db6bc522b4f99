"""A connection that two dumps lack, and no DESTROY: when that proves that the kernel was silent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from ctaudit.database import schema
from lab.cluster import Cluster
from tests.store.gateway import Event, Gateway, opened, tuples

BEGIN = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=6)
CONNECTION = {
    **tuples("192.168.7.7 40000 > 19.1.16.7 443", "19.1.16.7 443 > 1.2.3.7 7"),
    "proto": 6,
    "ct_id": 7,
    "status": 0x18E,
}


def after(seconds: float) -> datetime:
    return BEGIN + timedelta(seconds=seconds)


@pytest.fixture(scope="module")
def place(cluster: Cluster) -> str:
    cluster.create_database("silent_ends")
    schema.install(cluster.dsn("silent_ends"))
    return cluster.dsn("silent_ends")


@pytest.fixture
def gateway(place: str, request: pytest.FixtureRequest) -> Iterator[Gateway]:
    made = Gateway(place, f"gw{abs(hash(request.node.name)) % 10**8}")
    made.note("start", BEGIN, {"mode": "live", "timestamp": 1, "events": 1})
    yield made
    made.close()


def fall_silent(gateway: Gateway, first: Sequence[Event], events: Sequence[Event]) -> None:
    """The first dump shows ``first``; two more, three minutes apart, show nothing."""
    gateway.dump(after(1), first)
    gateway.record(events, after(20))
    gateway.dump(after(60))
    gateway.record([], after(70))
    gateway.dump(after(240))
    for second in range(250, 400, 50):
        gateway.record([], after(second))


def found(gateway: Gateway) -> tuple[int, list[tuple[str, int | None]]]:
    """How many ends nobody observed, and the gaps."""
    [(unobserved,)] = gateway.connection.execute(
        "SELECT count(*) FROM ctaudit.flow WHERE node = %s AND provenance = 'unobserved'",
        [gateway.node],
    ).fetchall()
    gaps = gateway.connection.execute(
        "SELECT cause, lost FROM ctaudit.gap WHERE node = %s ORDER BY gap_id", [gateway.node]
    ).fetchall()
    return unobserved, gaps


def test_what_was_announced_ends_with_a_word(gateway: Gateway) -> None:
    fall_silent(gateway, [], [opened(CONNECTION, after(10))])
    assert found(gateway) == (1, [("end not announced", 1)])


@pytest.mark.parametrize("start", [after(-30), None])
def test_what_began_before_anybody_listened_may_end_without(
    gateway: Gateway, start: datetime | None
) -> None:
    """With nf_conntrack_events = 2 its entry has no events; that says nothing of others."""
    fall_silent(gateway, [{**CONNECTION, "start_sent": start}], [])
    assert found(gateway) == (1, [])


@pytest.mark.parametrize(("events", "gaps"), [(1, [("end not announced", 1)]), (2, [])])
def test_what_began_between_two_streams(
    place: str, events: int, gaps: list[tuple[str, int]]
) -> None:
    """It was announced if nf_conntrack_events was 1 before and after; with 2 nobody listened."""
    told = {"mode": "live", "timestamp": 1, "events": events, "boot_id": "one"}
    node = f"between{events}"
    earlier = Gateway(place, node)
    earlier.note("start", after(-200), told)
    earlier.dump(after(-199))
    earlier.note("stop", after(-100), {})
    earlier.close()
    gateway = Gateway(place, node)
    gateway.note("start", BEGIN, told)
    fall_silent(gateway, [{**CONNECTION, "start_sent": after(-30)}], [])
    assert found(gateway) == (1, [("not listening", None), *gaps])
    gateway.close()
