"""How soon an event stands in the journal: in a booted Debian with the real units and journald.

The default configuration but for the number of live lines a second, so that none is summed up.
"""

from __future__ import annotations

import os
import time

from bench.figures import percentile
from bench.stage import BenchError
from lab.machines.gateway import RECORDER, running_gateway

_RATE = 50  # connections a second
_SECONDS = 20


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
