"""Questions of who through a front, beside the same questions to the stores behind it.

Each store is a cluster of its own on this machine, filled as ``bench years`` fills one, with
gateways and public addresses of its own. The first three have all connections that were asked for,
further ones a tenth. So the stores share the cores of one machine, which those of a fleet do not:
latency tells less than CPU here.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import psycopg

from bench.stage import BenchError
from bench.years import NODES, Day, close_days, fill_store, make_database
from ctaudit.admin import stores
from ctaudit.conntrack.endpoint import Endpoint
from ctaudit.database import front
from ctaudit.database.connection import connect
from ctaudit.query.lookup import ask_who
from ctaudit.query.question import WhoQuestion
from ctaudit.query.time_notation import TimeSpan
from lab.cluster import Cluster, private_cluster

FULL = 3  # stores with all connections
LOGIN = "ctaudit_bench_front"
_SETTINGS = {
    "fsync": "off", "shared_buffers": "512MB", "max_wal_size": "8GB", "log_min_messages": "fatal",
}  # fmt: skip


@dataclass(frozen=True)
class _Filled:
    cluster: Cluster
    number: int
    plan: Sequence[Day]

    @property
    def dsn(self) -> str:
        return self.cluster.dsn("full")


def run_front(connections: int, days: int, count: int, questions: int) -> Iterator[dict[str, Any]]:
    """Figures as they come: of each store, of the front before three, and of one to ``count``."""
    with ExitStack() as stack:
        made = [
            _fill(
                stack.enter_context(private_cluster(settings=_SETTINGS)),
                number,
                connections if number < FULL else connections // 10,
                days,
            )
            for number in range(count)
        ]
        asking = stack.enter_context(private_cluster(settings=_SETTINGS))
        asking.create_database("front")
        front.install(asking.dsn("front"))
        for number, store in enumerate(made, 1):
            stores.add(asking.dsn("front"), f"s{number}", _as_front(store), 60)
            asked = _pick(made[:number], questions if number == FULL else questions // 5)
            yield {"what": "front", "stores": number} | _measure(
                asking.dsn("front"), asked, made[:number]
            )
        for store in made[: min(count, FULL)]:
            asked = _pick([store], questions)
            yield {"what": "store", "store": store.number + 1} | _measure(store.dsn, asked, [])


def _fill(cluster: Cluster, number: int, connections: int, days: int) -> _Filled:
    """Nodes, and with them public addresses, are numbered on from those of the store before."""
    store = make_database(cluster, "full")
    first = number * len(NODES) + 1
    store.connection.execute(
        f"ALTER TABLE ctaudit.node ALTER node_id RESTART WITH {first}".encode()
    )
    plan, _ = fill_store(cluster, store, connections, days)
    close_days(store)
    for node in NODES:
        store.connection.execute(
            "SELECT ctaudit.rename_node(%s::text, %s::text)", (node, f"s{number}-{node}")
        )
    store.connection.execute(f"CREATE ROLE {LOGIN} LOGIN IN ROLE ctaudit_front".encode())
    return _Filled(cluster, number, plan)


def _as_front(store: _Filled) -> str:
    return store.cluster.dsn("full", LOGIN)


def _pick(made: Sequence[_Filled], count: int) -> list[WhoQuestion]:
    """Of connections recorded in one of the stores, a second after their begin."""
    chance = random.Random(1)  # noqa: S311
    return [_pick_one(chance, chance.choice(made)) for _ in range(count)]


def _pick_one(chance: random.Random, store: _Filled) -> WhoQuestion:
    day = chance.choice(store.plan)
    number = chance.randrange(day.first, day.until)
    at = day.time_of(number) + timedelta(seconds=1)
    public = ip_address("203.0.113.0") + 1 + store.number * len(NODES) + NODES.index(day.node)
    port = 1024 + number * 7919 % (6400 if number % 2 else 64000)
    server = Endpoint(ip_address("198.18.0.0") + number * 17 % 50000, 443)
    return WhoQuestion(Endpoint(public, port), TimeSpan(at, at + timedelta(seconds=1)), server)


def _measure(
    dsn: str, questions: Sequence[WhoQuestion], behind: Sequence[_Filled]
) -> dict[str, Any]:
    """Milliseconds; CPU of the asked server's process and of those of the stores, a question."""
    with connect(dsn) as connection:
        for question in questions[:50]:
            _ask(connection, question)
        backend = connection.info.backend_pid
        asked, others = _cpu([backend]), _cpu(_find_sessions(behind))
        spent = [_ask(connection, question) for question in questions]
        cuts = statistics.quantiles(spent, n=100)
        return {
            "asked": len(spent),
            "p50_ms": round(cuts[49], 1),
            "p99_ms": round(cuts[98], 1),
            "cpu_ms": round((_cpu([backend]) - asked) / len(spent) * 1000, 1),
            "stores_cpu_ms": round(
                (_cpu(_find_sessions(behind)) - others) / len(spent) * 1000, 1
            ),
        }  # fmt: skip


def _ask(connection: psycopg.Connection[Any], question: WhoQuestion) -> float:
    began = time.monotonic()
    reply = ask_who(connection, question)
    spent = time.monotonic() - began
    if reply.verdict.name not in ("one", "several"):
        raise BenchError(f"{question}: {reply.verdict}")
    return 1000 * spent


def _find_sessions(behind: Sequence[_Filled]) -> list[int]:
    pids = []
    for store in behind:
        with psycopg.connect(store.dsn) as connection:
            rows = connection.execute(
                "SELECT pid FROM pg_stat_activity WHERE usename = %s", [LOGIN]
            )
            pids += [pid for (pid,) in rows]
    return pids


def _cpu(pids: Sequence[int]) -> float:
    """Seconds."""
    return sum(int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) for pid in pids) / 1e9
