"""Idle and small: what ctaudit costs with nothing or little to do, and how soon an event shows.

The default configuration, mode live. The load is 50 connections a second, opened evenly and
ended twice a second: 100 events.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from threading import Event, Thread
from typing import Any

import psycopg

from bench.figures import Spread, percentile
from bench.flood import end_flood, start_flood
from bench.processes import Meter, memory_of, peak_memory
from bench.stage import (
    BenchError,
    Stage,
    asking,
    clear_entries,
    drop_database,
    server_groups,
    settle_server,
    wait_until,
)
from lab import addresses as a
from lab.namespaces import Lab
from lab.rig import Rig, rigging
from lab.service import started
from lab.traffic.burst import FIRST_SPORT, PER_PORT

RATE = 50  # connections a second
FLUSH_EVERY = 0.5
PROBES = 60
_PROBE_RATE = 2
_POLL = 0.005
# Probe k is the only connection to its destination port, so it keeps its source port.
_PROBE_BLOCK = 3
_FIRST_PROBE = PROBES * PER_PORT * _PROBE_BLOCK


@contextmanager
def ending(lab: Lab, every: float) -> Iterator[None]:
    """Ends all connections, so often, during the body, and once more after it."""
    done = Event()

    def end_some() -> None:
        while not done.wait(every):
            clear_entries(lab)

    ender = Thread(target=end_some)
    ender.start()
    try:
        yield
    finally:
        done.set()
        ender.join()
        clear_entries(lab)


def run_small(stage: Stage, seconds: int) -> dict[str, Any]:
    """CPU and memory, idle and under the small load, and the latencies of its events."""
    clear_entries(stage.lab)
    with ExitStack() as running:
        rig = running.enter_context(rigging(stage.lab, stage.cluster))
        running.callback(drop_database, stage.cluster, rig.database)
        processes = {
            "receiver": running.enter_context(started(rig, "receive")),
            "recorder": running.enter_context(started(rig, "record")),
        }
        watch = running.enter_context(asking(rig.owner_dsn))
        covered = "SELECT FROM ctaudit.coverage"
        wait_until(
            lambda: watch.execute(covered).fetchone() is not None,
            "coverage",
            processes["recorder"].process,
        )
        settle_server(stage.cluster)
        own = {name: [process.pid] for name, process in processes.items()}
        meter = Meter(lambda: {**own, **server_groups(stage.cluster, watch)})
        time.sleep(2)
        result: dict[str, Any] = {"seconds": seconds, "connections": RATE * seconds}
        result["idle_cpu"] = _share_of_core(meter, seconds / 2)
        with ending(stage.lab, FLUSH_EVERY):
            load = start_flood(stage.lab, RATE * (seconds + 2), rate=RATE)
            time.sleep(1)
            result["cpu"] = _share_of_core(meter, seconds)
            end_flood(load, RATE * (seconds + 2))
            result["latency"] = _measure_commits(watch, rig)
            result["memory"] = {
                name: dict(zip(("rss", "pss"), memory_of(process.pid), strict=True))
                | {"peak": peak_memory(process.pid)}
                for name, process in processes.items()
            }
            result["who"] = _measure_who(stage, rig)
    return result


def _share_of_core(meter: Meter, seconds: float) -> dict[str, float]:
    """Percent of one core, by process."""
    meter.begin()
    began = time.monotonic()
    time.sleep(seconds)
    spent = meter.read()
    took = time.monotonic() - began
    return {part: round(100 * used / 1e9 / took, 3) for part, used in spent.items()}


def _tell(latencies: list[float]) -> dict[str, float]:
    """Milliseconds."""
    spread = Spread.of(latencies)
    return {
        "count": len(latencies),
        "p50": 1000 * spread.median,
        "p99": 1000 * percentile(latencies, 0.99),
        "most": 1000 * spread.most,
    }


def _measure_commits(watch: psycopg.Connection[Any], rig: Rig) -> dict[str, Any]:
    """From the kernel's own time of the event to the commit of its row; openings and ends."""
    time.sleep(1)
    found = {}
    for table, at in (("opening", "started_at"), ("flow", "ended_at")):
        source = at.replace("_at", "_source")
        rows = watch.execute(
            f"SELECT extract(epoch FROM pg_xact_commit_timestamp(xmin) - {at})::float8"  # noqa: S608
            f" FROM ctaudit.{table}_row WHERE {source} IN ('k', 'e')"
        ).fetchall()
        if len(rows) < rig.count(table) or not rows:
            raise BenchError(
                f"{len(rows)} of {rig.count(table)} rows of {table} have a kernel time"
            )
        found[table] = _tell([latency for (latency,) in rows])
    return found


def _measure_who(stage: Stage, rig: Rig) -> dict[str, float]:
    """From the packet of a probe to the first answer of ``who`` that has it, asked all the time."""
    seen: list[float] = []
    probes = start_flood(stage.lab, PROBES, first=_FIRST_PROBE, rate=_PROBE_RATE, ports=PROBES)
    first_port = a.SILENT_PORTS.start + PROBES * _PROBE_BLOCK
    with asking(rig.auditor_dsn) as auditor:
        for number in range(PROBES):
            _wait_for_answer(auditor, first_port + number, probes)
            seen.append(time.time())
    end_flood(probes, PROBES)
    started = rig.query(
        "SELECT extract(epoch FROM started_at)::float8 FROM ctaudit.opening"
        " WHERE orig_dport BETWEEN %s AND %s ORDER BY orig_dport",
        first_port,
        first_port + PROBES - 1,
    )
    return _tell([at - began for at, (began,) in zip(seen, started, strict=True)])


def _wait_for_answer(
    auditor: psycopg.Connection[Any], port: int, probes: subprocess.Popen[str]
) -> None:
    statement = "SELECT host(host) FROM ctaudit.who(%s, %s, now() - interval '5 s', now(), %s, %s)"
    deadline = time.monotonic() + 30
    while True:
        found = auditor.execute(statement, (a.GATEWAY, FIRST_SPORT, a.SERVER, port)).fetchall()
        if found:
            return
        if time.monotonic() > deadline or probes.poll():
            raise BenchError(f"who did not come to see the probe to port {port}")
        time.sleep(_POLL)
