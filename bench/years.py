"""A store of some hundred days: inserting, and questions warm, cold and many at once.

Two gateways since the first day, and a third that joins last. One day has a third of all
connections. Rows, dumps and coverage of the past are made in SQL; the days are closed by
``ctaudit maintain`` itself. The last week was recorded in live mode, the days before in history
mode. Half of the connections use a tenth of the public ports.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import psycopg

from bench.paging import page_flows
from bench.stage import BenchError
from bench.store import (
    BATCH,
    LASTING,
    LOCKS,
    STANDING,
    TABLES,
    Store,
    Stream,
    install_functions,
    one,
)
from ctaudit.config import RetentionSection
from ctaudit.conntrack.endpoint import Endpoint
from ctaudit.database import schema
from ctaudit.database.maintenance import Maintained, maintain
from ctaudit.query.lookup import ask_who
from ctaudit.query.question import WhoQuestion
from ctaudit.query.time_notation import TimeSpan
from lab.cluster import Cluster, private_cluster

# max_locks_per_transaction is the server's default.
SETTINGS = {"fsync": "off", "shared_buffers": "2GB", "max_wal_size": "8GB"}
NODES = ("gw1", "gw2")
LIVE_DAYS = 7
ROUNDS = 20  # of batches into the full and into an empty store
_SKEWED = "CASE n % 2 WHEN 0 THEN n * 7919 % 64000 ELSE n * 7919 % 6400 END"
# With 100 million, 33,000 connections of each on the largest day: a household's (RFC 7422).
_HOSTS = "n * 31 % 500"
_PAST = """
WITH moved AS (
    UPDATE ctaudit.stream SET covered_until = %(until)s, sent_after = %(until)s,
        covered_from = %(begun)s RETURNING node, stream
)
INSERT INTO ctaudit.coverage (node, stream, covered_from, covered_until, openings, ends)
SELECT m.node, m.stream, %(begun)s, %(until)s, true, true FROM moved AS m
ON CONFLICT (node, stream, covered_from) DO UPDATE SET covered_until = excluded.covered_until
"""
_DUMPS = """
INSERT INTO ctaudit.dump (
    node, stream, position, began_at, ended_at, reconciled_at, entries, heard_until
)
SELECT s.node, s.stream, -row_number() OVER (), t, t + interval '1 s', t + interval '2 s', 0,
    t + interval '1 s'
FROM ctaudit.stream AS s, generate_series(%(begun)s, %(until)s, interval '1 hour') AS t
"""


@dataclass(frozen=True)
class Day:
    """Connections [``first``, ``until``) of a gateway, begun evenly from ``begun`` on."""

    node: str
    begun: datetime
    first: int
    until: int

    def time_of(self, number: int) -> datetime:
        return self.begun + _SPAN * ((number - self.first) / (self.until - self.first))


_JOINED = timedelta(hours=3)  # ago; after two, maintenance finds how far back a gateway reaches
_SPAN = timedelta(hours=24) - 2 * LASTING


def run_years(connections: int, days: int) -> Iterator[dict[str, Any]]:
    """Figures as they come."""
    with private_cluster(settings=SETTINGS) as cluster:
        full, empty = (make_database(cluster, name) for name in ("full", "empty"))
        began = time.monotonic()
        filled, gateway = fill_store(cluster, full, connections, days)
        yield {"what": "recorded", "s": _since(began)} | _size(full, connections)
        yield close_days(full)
        yield {"what": "closed"} | _size(full, connections)
        yield _insert((full, gateway), (empty, empty.start(NODES[0], empty.now)))
        joined = full.start("gw3", full.now)
        alive = f"SELECT n, timestamptz '{full.now}' FROM generate_series(1, {STANDING}) AS n"  # noqa: S608
        yield {"what": "first dump of a gateway that joins"} | full.dump(joined, alive)
        _listen(full, joined)
        close_days(full)
        yield from _question(cluster, filled)
        yield from _page(cluster.dsn("full"), filled)


def _page(dsn: str, plan: Sequence[Day]) -> Iterator[dict[str, Any]]:
    largest = max(plan, key=lambda day: day.until - day.first)
    spans = (timedelta(minutes=10), timedelta(hours=1))
    yield from page_flows(dsn, "largest", largest.begun + timedelta(hours=6), spans)
    yield from page_flows(dsn, "usual", plan[len(plan) // 2].begun, [timedelta(days=1)])


def make_database(cluster: Cluster, name: str) -> Store:
    cluster.create_database(name)
    schema.install(cluster.dsn(name))
    now = datetime.now(UTC).replace(microsecond=0) - _JOINED - timedelta(minutes=10)
    store = Store(cluster.dsn(name), now)
    install_functions(store.connection, _SKEWED, _HOSTS)
    return store


def fill_store(
    cluster: Cluster, store: Store, connections: int, days: int
) -> tuple[list[Day], Stream]:
    """Also returns the first gateway's stream, which goes on."""
    today = store.now.replace(hour=0, minute=0, second=0)
    begun = today - timedelta(days=days)
    gateways = [store.start(name, begun) for name in NODES]
    for gateway in gateways:
        gateway.send(begun + timedelta(minutes=1))
    plan = _plan(connections, days, today)
    dates = [(begun + timedelta(days=day)).date() for day in range(days)]
    store.make_partitions(dates, (*TABLES, "aggregate"))
    live_from = today - timedelta(days=LIVE_DAYS)

    def fill(node: str) -> None:
        with psycopg.connect(cluster.dsn("full"), autocommit=True) as connection:
            for day in plan:
                if day.node == node:
                    connection.execute(
                        "CALL bench.fill(%s, %s::bigint, %s::bigint, %s, %s, %s::bigint, %s, %s)",
                        (node, day.first, day.until, day.begun, _SPAN, connections * 2, LASTING,
                         day.begun >= live_from),
                    )  # fmt: skip

    with ThreadPoolExecutor(len(NODES)) as pool:
        list(pool.map(fill, NODES))
    store.next = connections + 1
    past = {"begun": begun, "until": store.now}
    store.connection.execute(_PAST, past)
    store.connection.execute(_DUMPS, past | {"until": store.now - timedelta(hours=3)})
    store.connection.execute("VACUUM ANALYZE")
    return plan, gateways[0]


def _plan(connections: int, days: int, today: datetime) -> list[Day]:
    """The third day from the end has a third of all."""
    plan, next_number = [], 1
    usual = connections * 2 // 3 // (days - 1) // len(NODES)
    for day in range(-days, 0):
        count = connections // 3 // len(NODES) if day == -3 else usual
        for node in NODES:
            at = today + timedelta(days=day)
            plan.append(Day(node, at, next_number, next_number + count))
            next_number += count
    return plan


def close_days(store: Store) -> dict[str, Any]:
    """Maintains until no day is left; one run closes eight of them."""
    began, runs, longest, done = time.monotonic(), 0, 0.0, 1
    closed = 0
    while done:
        runs, done, last = runs + 1, 0, time.monotonic()
        for item in maintain(store.dsn, RetentionSection(days=4000)):
            longest = max(longest, time.monotonic() - last)
            last = time.monotonic()
            done += isinstance(item, Maintained) and item.action == "closed"
        closed += done
    return {"what": "maintain", "runs": runs, "partitions_closed": closed, "s": _since(began),
            "longest_step_s": round(longest, 1)}  # fmt: skip


def _listen(store: Store, gateway: Stream) -> None:
    """Nothing happens; what is not heard of for an hour counts as read late."""
    until = store.now + _JOINED
    while store.now < until:
        store.now += timedelta(minutes=30)
        gateway.send(store.now)


def _insert(full: tuple[Store, Stream], empty: tuple[Store, Stream]) -> dict[str, Any]:
    """Events a second of CALLs with openings and then their ends, alternating."""
    rates: dict[str, list[float]] = {"full": [], "empty": []}
    for _ in range(ROUNDS):
        for name, (store, gateway) in (("full", full), ("empty", empty)):
            rates[name].append(_send(store, gateway))
    ratio = statistics.median(f / e for f, e in zip(rates["full"], rates["empty"], strict=True))
    medians = {name: round(statistics.median(found)) for name, found in rates.items()}
    return {"what": "insert", "events_per_second": medians, "full_to_empty": round(ratio, 3)}


def _send(store: Store, gateway: Stream) -> float:
    first, count = store.next, 5 * BATCH
    store.next += count
    began = f"timestamptz '{store.now}' + n % 1000 * interval '1 ms'"
    ended = f"timestamptz '{store.now}' + interval '5 s'"
    gateway.spent.clear()
    for name, columns in (
        ("openings", f"n, 1, {began} + interval '80 us', NULL::timestamptz"),
        ("ends", f"n, 3, {ended}, {began}"),
    ):
        numbers = f"generate_series({first}, {first + count - 1}) AS n"
        query = f"SELECT {columns} FROM {numbers}"  # noqa: S608
        for number in range(store.batches(f"{name} {first}", gateway.node, query)):
            gateway.send(store.now + timedelta(seconds=5), f"{name} {first}", number)
    store.now += timedelta(seconds=5)
    spent: float = gateway.figures()["all_ms"]
    return 1000 * 2 * count / spent


def _question(cluster: Cluster, plan: Sequence[Day]) -> Iterator[dict[str, Any]]:
    chance = random.Random(1)  # noqa: S311

    def pick(*, remote: bool = True, port: bool = True) -> WhoQuestion:
        day = chance.choice(plan)
        number = chance.randrange(day.first, day.until)
        at = day.time_of(number) + timedelta(seconds=1)
        public = ip_address("203.0.113.0") + 1 + NODES.index(day.node)
        step = number * 7919 % (6400 if number % 2 else 64000)
        server = ip_address("198.18.0.0") + number * 17 % 50000
        return WhoQuestion(
            Endpoint(public, 1024 + step if port else None),
            TimeSpan(at, at),
            Endpoint(server, 443) if remote else None,
        )

    def time_all(what: str, questions: Sequence[WhoQuestion]) -> dict[str, Any]:
        with psycopg.connect(cluster.dsn("full")) as connection:
            return {"what": what} | _percentiles([_time(connection, one) for one in questions])

    def time_twice(what: str, questions: Sequence[WhoQuestion]) -> Iterator[dict[str, Any]]:
        """Of a store of many days most rows are read from disk when they are first asked for."""
        yield time_all(f"{what}, rows not read before", questions)
        yield time_all(f"{what}, warm", questions)

    def time_at_once(_: int) -> list[float]:
        with psycopg.connect(cluster.dsn("full")) as connection:
            return [_time(connection, pick()) for _ in range(20)]

    _forget(cluster)
    yield time_all("who, cold", [pick() for _ in range(200)])
    _forget(cluster)
    without = "who without a remote end"
    yield time_all(f"{without}, cold", [pick(remote=False) for _ in range(200)])
    yield from time_twice("who", [pick() for _ in range(2000)])
    yield from time_twice(without, [pick(remote=False) for _ in range(2000)])
    yield time_all("who of any port, to one remote end", [pick(port=False) for _ in range(300)])
    with ThreadPoolExecutor(50) as pool:
        spent = [one for found in pool.map(time_at_once, range(50)) for one in found]
    yield {"what": "who, 50 at once"} | _percentiles(spent)
    yield {"what": "locks of a question"} | _spread(
        [_count_locks(cluster.dsn("full"), pick()) for _ in range(400)]
    )


def _time(connection: psycopg.Connection[Any], question: WhoQuestion) -> float:
    began = time.monotonic()
    found = ask_who(connection, question).answers
    spent = time.monotonic() - began
    if not found:
        raise BenchError(f"no answer: {question}")
    return 1000 * spent


def _count_locks(dsn: str, question: WhoQuestion) -> int:
    """Relations that a new session has locked when it has asked ctaudit.who."""
    public, at = question.public, question.span
    with psycopg.connect(dsn) as connection:
        connection.execute(
            "SELECT count(*) FROM ctaudit.who(%s::inet, %s::integer, %s, %s)",
            (str(public.address), public.port, at.begin, at.end),
        )
        return one(connection, LOCKS)


def _spread(locks: Sequence[int]) -> dict[str, Any]:
    return {"asked": len(locks), "locks": statistics.median_low(locks), "most": max(locks),
            "of_most": locks.count(max(locks))}  # fmt: skip


def _forget(cluster: Cluster) -> None:
    """Neither the server nor the kernel holds a page of the store in memory."""
    cluster.stop()
    Path("/proc/sys/vm/drop_caches").write_text("3\n")
    cluster.start()


def _percentiles(spent: Sequence[float]) -> dict[str, Any]:
    """In milliseconds."""
    cuts = statistics.quantiles(spent, n=100)
    return {"asked": len(spent), "p50_ms": round(cuts[49], 1), "p99_ms": round(cuts[98], 1),
            "longest_ms": round(max(spent), 1)}  # fmt: skip


def _size(store: Store, connections: int) -> dict[str, Any]:
    size = one(store.connection, "SELECT pg_database_size(current_database())")
    return {"GB": round(size / 1e9, 1), "bytes_a_connection": round(size / connections)}


def _since(began: float) -> float:
    return round(time.monotonic() - began, 1)
