"""The copy of what is open: ctaudit.live() says the same with it and without it."""

from __future__ import annotations

import subprocess
import uuid
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from ctaudit.database import schema
from ctaudit.record.procedures import to_time
from lab.cluster import Cluster, private_cluster
from tests.store.closed_histories import TABLES
from tests.store.gateway import Event, Gateway, ended, opened, tuples
from tests.store.histories.recording import Call, record
from tests.store.histories.sending import Store, open_store
from tests.store.histories.truth import History
from tests.store.histories.world import make_history

HISTORIES = 40
BEGIN = (datetime.now(UTC) - timedelta(days=1)).replace(hour=12, minute=0, second=0, microsecond=0)
REFRESH = "SELECT ctaudit.refresh_live_copy(%s, %s, %s::bigint)"
USABLE = """
SELECT count(*) FROM ctaudit.live_copy AS c JOIN ctaudit.node AS n USING (node_id)
WHERE ctaudit.is_usable(c, n.node, ctaudit.last_dump(n.node))
"""
COPY = "SELECT copied_until FROM ctaudit.live_copy"
PLACES = "SELECT coalesce(sum(cardinality(places)), 0) FROM ctaudit.live_place"


def connection(number: int) -> Event:
    host = f"10.0.{number // 250}.{number % 250} 4000 > 19.1.16.7 443"
    reply = f"19.1.16.7 443 > 1.2.3.4 {10_000 + number}"
    return {**tuples(host, reply), "proto": 6, "ct_id": number, "status": 0x18E}


def make_days(connection: psycopg.Connection[Any], days: set[Any]) -> None:
    for table in TABLES:
        for day in sorted(days):
            connection.execute("SELECT ctaudit.make_partition(%s, %s)", (table, day))


def one(connection: psycopg.Connection[Any], query: str, *values: object) -> Any:
    row = connection.execute(query, values or None).fetchone()  # type: ignore[arg-type]
    assert row is not None
    return row[0]


_ROWS = "SELECT coalesce(array_agg(l::text ORDER BY l::text), '{}') FROM ctaudit.live(%s) AS l"
_HOST = "SELECT l.host FROM ctaudit.live(%s) AS l ORDER BY l::text LIMIT 1"
_PORT = """
SELECT CASE l.direction WHEN 'inward' THEN l.orig_dport ELSE l.reply_dport END
FROM ctaudit.live(%s) AS l ORDER BY l::text LIMIT 1
"""


def ask_live(connection: psycopg.Connection[Any], node: str) -> list[list[str]]:
    """What is open; then of this what one host has, and what has one port."""
    said = [one(connection, _ROWS, node)]
    if said[0]:
        for name, found in (("p_host", _HOST), ("p_port", _PORT)):
            value = one(connection, found, node)
            said.append(one(connection, _ROWS.replace("(%s)", f"(%s, {name} => %s)"), node, value))
    return said


def ask_without(connection: psycopg.Connection[Any], node: str) -> list[list[str]]:
    with connection.transaction(force_rollback=True):
        connection.execute("DELETE FROM ctaudit.live_copy")
        return ask_live(connection, node)


@pytest.fixture(scope="module")
def store(cluster: Cluster) -> Iterator[Store]:
    with open_store(cluster, "live_histories") as opened:
        yield opened


def days_of(calls: Sequence[Call]) -> set[Any]:
    times = [call.wall for call in calls if call.wall]
    times += [received for call in calls for _, received in call.messages]
    return {to_time(time).date() for time in times}


def compare(store: Store, history: History) -> tuple[int, int]:
    """How many answers rested on a copy, and how many of these on one with rows."""
    calls = record(history)
    used = filled = 0
    store.begin()
    make_days(store.connection, days_of(calls))
    refused: set[uuid.UUID] = set()
    for number, call in enumerate(calls):
        store.send_each([call], refused)
        if call.mode != "live" or call.stream in refused:
            continue
        if number % 2 == 0:
            store.connection.execute(REFRESH, (call.node, call.stream, 1 + number % 5))
        if number % 3 == 0 and one(store.connection, USABLE):
            used += 1
            filled += one(store.connection, PLACES) > 0
            said = ask_live(store.connection, call.node)
            assert said == ask_without(store.connection, call.node), (history.seed, number)
    store.forget()
    return used, filled


def test_histories_say_the_same(store: Store) -> None:
    compared = [compare(store, make_history(seed)) for seed in range(HISTORIES)]
    assert sum(used for used, _ in compared) > 10 * HISTORIES
    assert sum(filled for _, filled in compared) > 5 * HISTORIES
