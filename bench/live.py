"""What the copy of what is open costs, and what live() takes with it and without it.

A steady load by SQL: 20,000 connections a second that last ten seconds, so that 200,000 are open.
The copy is brought further after each so many events, as the recorder does. CPU is that of the
server's process alone.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bench.store import BATCH, SETTINGS, Store, Stream, install_functions
from ctaudit.database import schema
from ctaudit.record.live_copy import EVERY
from lab.cluster import private_cluster

RATE = 20_000
LASTING = 10  # seconds
KEPT = 1_000  # one connection in so many goes on
PORTION = EVERY // 2  # openings
QUESTIONS = ("", ", p_host => '10.0.0.7'", ", p_port => 5000")
_BATCHES = 100


def run_live(openings: Sequence[int]) -> Iterator[dict[str, Any]]:
    """Figures for each of so many ``openings`` since the dump, as they come."""
    with private_cluster(settings=SETTINGS) as cluster:
        cluster.create_database("ctaudit")
        schema.install(cluster.dsn())
        now = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=6)
        store = Store(cluster.dsn(), now)
        install_functions(store.connection)
        store.make_partitions([(now + timedelta(days=day)).date() for day in (-1, 0, 1)])
        stream = store.start("gw1", now)
        store.dump(stream, f"SELECT n, timestamptz '{now}' FROM generate_series(-1000, -1) AS n")
        yield {"what": "record_live", **_measure_calls(store, stream)}
        since, number, steps = store.now + timedelta(seconds=30), 0, 0.0
        _refresh(stream)
        for goal in openings:
            while number < goal:
                _fill(store, number, since)
                number += PORTION
                if number < goal:
                    steps += _measure(stream, lambda: _refresh(stream))
            spent = steps / (2 * (number - PORTION)) * 1e6
            yield {"what": "the copy", "openings": number, "us_an_event": round(spent, 2)}
            for question in QUESTIONS:
                figures = _ask(stream, question)
                yield {"what": f"live('gw1'{question})", "openings": number} | figures
            steps += _measure(stream, lambda: _refresh(stream))


def _fill(store: Store, number: int, since: datetime) -> None:
    store.connection.execute(
        "CALL bench.steady('gw1', %s::bigint, %s::bigint, %s, %s::float8, %s::float8, %s::bigint)",
        (number, number + PORTION, since, 1 / RATE, LASTING, KEPT),
    )


def _refresh(stream: Stream) -> None:
    stream.connection.execute(
        "SELECT ctaudit.refresh_live_copy(%s, %s)", (stream.node, stream.uuid)
    )


def _measure(stream: Stream, work: Callable[[], object]) -> float:
    """Seconds of CPU of the server's process."""
    spent = Path(f"/proc/{stream.connection.info.backend_pid}/schedstat")
    before = int(spent.read_text().split()[0])
    work()
    return (int(spent.read_text().split()[0]) - before) / 1e9


def _measure_calls(store: Store, stream: Stream) -> dict[str, Any]:
    """CALLs of a batch each, half openings and half ends."""
    begun, at = 10**9, store.now + timedelta(seconds=5)
    store.batches(
        "calls", "gw1",
        f"SELECT n, 1 + 2 * k, timestamptz '{at}', timestamptz '{at}' - interval '6 s'"
        f" FROM generate_series({begun}, {begun + _BATCHES * BATCH // 2 - 1}) AS n,"
        " generate_series(0, 1) AS k",
    )  # fmt: skip

    def send() -> None:
        for number in range(_BATCHES):
            stream.send(at, "calls", number)

    return {"us_an_event": round(_measure(stream, send) / (_BATCHES * BATCH) * 1e6, 2)}


def _ask(stream: Stream, question: str) -> dict[str, Any]:
    """Milliseconds of the clock and of CPU, with the copy and without; the answers are the same."""
    figures: dict[str, Any] = {}
    rows: set[int] = set()
    for name in ("with", "without"):
        with stream.connection.transaction(force_rollback=True):
            if name == "without":
                stream.connection.execute("DELETE FROM ctaudit.live_copy")

            def ask() -> None:
                found = stream.connection.execute(
                    f"SELECT count(*) FROM ctaudit.live('gw1'{question})"
                ).fetchone()
                rows.add(found[0] if found else 0)

            _measure(stream, ask)
            began = time.monotonic()
            spent = _measure(stream, ask)
            figures[f"{name}_ms"] = round(1000 * (time.monotonic() - began))
            figures[f"{name}_cpu_ms"] = round(1000 * spent)
    (found,) = rows
    return figures | {"rows": found}


def print_live(openings: Sequence[int]) -> list[dict[str, Any]]:
    """Each figure as a line of JSON, as soon as it is there."""
    told = []
    for figures in run_live(openings):
        told.append(figures)
        print(json.dumps(figures), flush=True)
    return told
