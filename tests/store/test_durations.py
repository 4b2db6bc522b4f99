"""ctaudit.durations against a count by hand."""

from __future__ import annotations

import math
import random
from collections import Counter
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from ctaudit.database import schema
from lab.cluster import Cluster
from tests.store.aggregating import flow, second
from tests.store.gateway import Gateway, ended


@pytest.fixture
def dsn(cluster: Cluster) -> str:
    cluster.create_database("durations")
    schema.install(cluster.dsn("durations"))
    return cluster.dsn("durations")


def count(dsn: str, begin: float, until: float) -> dict[tuple[int, float | None], int]:
    """By protocol and the begin of the bin."""
    with psycopg.connect(dsn) as connection:
        rows: list[Any] = connection.execute(
            "SELECT proto, seconds_from, connections FROM ctaudit.durations(%s, %s, p_bins => 4)",
            [second(begin), second(until)],
        ).fetchall()
    return {(proto, begins and round(begins, 6)): number for proto, begins, number in rows}


def test_each_that_ended_in_the_span_is_in_its_bin(dsn: str) -> None:
    rng = random.Random(3)
    gateway = Gateway(dsn, "gw1", "history")
    gateway.listen(second(-1000))
    wanted: Counter[tuple[int, float | None]] = Counter()
    events = []
    for number in range(400):
        lasted = 10 ** rng.uniform(-3.5, 2.9)
        stop = timedelta(seconds=rng.uniform(0, 1200))
        proto = rng.choice([6, 17])
        end = second(0) + stop
        start = end - timedelta(seconds=lasted)
        one = ended(flow(5000 + number, proto=proto), start, end)
        exact = (end - start) / timedelta(seconds=1)
        place = math.floor(round(math.log10(exact) * 4, 9)) if exact >= 0.001 else None
        begins = 0 if place is None else round(10 ** (place / 4), 6)
        if number % 20 == 0:
            one["start_sent"] = None
        elif number % 20 == 1:
            # The clock was stepped back: it ended when that was read, a millisecond later.
            one |= {"start_sent": end + timedelta(minutes=5)}
        if 100 <= stop.total_seconds() < 1000:
            wanted[proto, None if number % 20 < 2 else begins] += 1
        events.append(one)
    gateway.record(sorted(events, key=lambda event: event["received_at"]), second(1300))
    gateway.close()
    found = count(dsn, 100, 1000)
    assert found == wanted


def test_ends_that_were_read_late(dsn: str) -> None:
    """The receiver was away, its socket was kept: what ended meanwhile ended then."""
    gateway = Gateway(dsn, "gw1", "history")
    gateway.listen(second(-6 * 3600))
    gateway.record([], second(-5 * 3600))
    event = ended(flow(5000), second(-4.5 * 3600), second(-4.5 * 3600 + 20))
    gateway.record([{**event, "received_at": second(0)}], second(0))
    gateway.close()
    assert list(count(dsn, -5 * 3600, -4 * 3600).values()) == [1]
    assert count(dsn, -2 * 3600, 60) == {}
