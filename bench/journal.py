"""Event lines, in a booted Debian with the real units and journald: how soon, and at what price.

How soon: the default configuration but for the number of lines a second, so that none is summed up.
At what price: the default budget, beside ``journal.events = "none"``.
"""

from __future__ import annotations

import os
import statistics
import time
from typing import Any

from bench.figures import percentile
from bench.processes import cpu_of
from bench.stage import BenchError
from lab.machines.gateway import RECORDER, BootedGateway, running_gateway

_RATE = 50  # connections a second
_SECONDS = 20
_BUSY_RATE, _BUSY_SECONDS = 10_000, 15  # 20,000 events a second
_STORED = "SELECT sum(stored)::float8 AS events FROM ctaudit.stream"


def run_journal() -> dict[str, float]:
    """Milliseconds from the kernel's time of an event to journald's receipt of its line."""
    with running_gateway(f"bench-{os.getpid()}") as gateway:
        gateway.begin_anew({"journal": "rate = 1000"})
        with gateway.load(_RATE * _SECONDS, _RATE):
            for _ in range(2 * _SECONDS):
                time.sleep(0.5)
                gateway.delete_connections()
        gateway.settle()
        lines = gateway.journal("-u", RECORDER)
    found: list[float] = []
    for line in lines:
        at = line.get("CT_STOP_SENT") or line.get("CT_EVENT_AT")
        if at and line.get("CT_PROTO") == "17":
            found.append(int(line["__REALTIME_TIMESTAMP"]) / 1e6 - int(at) / 1e9)
    if len(found) < 2 * _RATE * _SECONDS:
        raise BenchError(f"{len(found)} lines of {2 * _RATE * _SECONDS} events are in the journal")
    return {
        "count": len(found),
        "p50": 1000 * percentile(found, 0.5),
        "p99": 1000 * percentile(found, 0.99),
        "most": 1000 * max(found),
    }


def run_journal_cost(pairs: int = 3) -> dict[str, Any]:
    """The recorder's CPU µs an event at 20,000 events a second, in alternating pairs.

    with, without: medians; ratio: of each pair.
    """
    found: dict[str, list[float]] = {"all": [], "none": []}
    with running_gateway(f"bench-{os.getpid()}") as gateway:
        for pair in range(pairs):
            for events in ("all", "none") if pair % 2 else ("none", "all"):
                gateway.begin_anew({"journal": f'events = "{events}"'})
                found[events].append(_measure_recorder(gateway))
        shown = len(gateway.journal("-u", RECORDER, "CT_EVENT=NEW"))
    ratios = [with_ / without for with_, without in zip(found["all"], found["none"], strict=True)]
    return {
        "events_a_second": 2 * _BUSY_RATE,
        "with": statistics.median(found["all"]),
        "without": statistics.median(found["none"]),
        "ratios": [round(ratio, 3) for ratio in ratios],
        "openings_shown": shown,
    }


def _measure_recorder(gateway: BootedGateway) -> float:
    [recorder] = gateway.machine.processes(RECORDER)
    before, stored = cpu_of(recorder), gateway.query(_STORED)[0]["events"]
    with gateway.load(_BUSY_RATE * _BUSY_SECONDS, _BUSY_RATE):
        for _ in range(2 * _BUSY_SECONDS):
            time.sleep(0.5)
            gateway.delete_connections()
    gateway.settle()
    events = gateway.query(_STORED)[0]["events"] - stored
    if events < _BUSY_RATE * _BUSY_SECONDS:
        raise BenchError(f"only {events:,.0f} events were stored")
    return float((cpu_of(recorder) - before) / events / 1000)
