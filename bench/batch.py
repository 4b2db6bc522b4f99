"""Questions of who all at once beside the same questions one by one, in a store of some days.

Half of the questions name the remote end; each is about a connection that is recorded. The store
is that of ``bench years``. Besides the seconds that passed, the CPU of the server's process and of
the client are told, which another load on the machine does not change as much.
"""

from __future__ import annotations

import random
import resource
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import psycopg

from bench.stage import BenchError
from bench.years import NODES, SETTINGS, Day, close_days, fill_store, make_database
from ctaudit.conntrack.endpoint import Endpoint
from ctaudit.database.connection import connect
from ctaudit.query.batch import ask_batch
from ctaudit.query.lookup import ask_who
from ctaudit.query.question import WhoQuestion
from ctaudit.query.reply import Reply
from ctaudit.query.time_notation import TimeSpan
from lab.cluster import private_cluster


def run_batch(
    questions: int, connections: int, days: int, alone: int, *, are_closed: bool = True
) -> Iterator[dict[str, Any]]:
    """Figures as they come. ``alone``: so many of the questions are asked one by one as well.

    ``are_closed``: the days are closed before, which takes longer than all else.
    """
    with private_cluster(settings=SETTINGS) as cluster:
        store = make_database(cluster, "full")
        plan, _ = fill_store(cluster, store, connections, days)
        if are_closed:
            yield close_days(store)
        asked = pick_questions(plan, questions)
        with connect(cluster.dsn("full")) as connection:
            list(ask_batch(connection, asked[:1000]))
            at_once, figures = _measure(connection, lambda: list(ask_batch(connection, asked)))
            yield {"what": "at once"} | figures
            singly, figures = _measure(
                connection, lambda: [ask_who(connection, question) for question in asked[:alone]]
            )
            yield {"what": "one by one"} | figures
    different = sum(
        one.verdict != other.verdict or one.answers != other.answers
        for one, other in zip(at_once, singly, strict=False)
    )
    if different:
        raise BenchError(f"{different} answers of a batch are not those of the single questions")


def pick_questions(plan: Sequence[Day], count: int) -> list[WhoQuestion]:
    """Of recorded connections, a second after their begin; as bench.years numbers them."""
    chance = random.Random(1)  # noqa: S311
    weights = [day.until - day.first for day in plan]
    return [_pick(chance, day) for day in chance.choices(plan, weights, k=count)]


def _pick(chance: random.Random, day: Day) -> WhoQuestion:
    number = chance.randrange(day.first, day.until)
    at = day.time_of(number) + timedelta(seconds=1)
    port = 1024 + number * 7919 % (6400 if number % 2 else 64000)
    server = Endpoint(ip_address("198.18.0.0") + number * 17 % 50000, 443)
    return WhoQuestion(
        Endpoint(ip_address("203.0.113.0") + 1 + NODES.index(day.node), port),
        TimeSpan(at, at + timedelta(seconds=1)),
        server if chance.random() < 0.5 else None,
    )


def _measure(
    connection: psycopg.Connection[Any], ask: Callable[[], list[Reply]]
) -> tuple[list[Reply], dict[str, Any]]:
    backend = Path(f"/proc/{connection.info.backend_pid}")
    server, client, began = _cpu(backend), time.process_time(), time.monotonic()
    replies = ask()
    spent = time.monotonic() - began
    return replies, {
        "questions": len(replies),
        "s": round(spent, 1),
        "server_cpu_s": round(_cpu(backend) - server, 1),
        "client_cpu_s": round(time.process_time() - client, 1),
        "one": sum(reply.verdict.name == "one" for reply in replies),
        "server_mb": _largest_memory(backend),
        "client_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def _cpu(process: Path) -> float:
    """Seconds."""
    return int((process / "schedstat").read_text().split()[0]) / 1e9


def _largest_memory(process: Path) -> int:
    """MB of its own that it has now, without shared_buffers."""
    lines = (process / "status").read_text().splitlines()
    [size] = [line.split()[1] for line in lines if line.startswith("RssAnon:")]
    return int(size) // 1024
