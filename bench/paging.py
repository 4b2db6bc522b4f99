"""``flows`` of spans of one day: rows, time, and how much memory client and server take."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg

from ctaudit.query.lookup import ask_flows
from ctaudit.query.question import FlowsQuestion

_LOOK = 0.05  # seconds between two looks at the memory


def page_flows(
    dsn: str, day: str, begin: datetime, spans: Sequence[timedelta]
) -> Iterator[dict[str, Any]]:
    """Figures of each span from ``begin`` on; every row is taken, none is kept."""
    for span in spans:
        with psycopg.connect(dsn) as connection:
            processes = {"client": os.getpid(), "server": connection.info.backend_pid}
            began = time.monotonic()
            with watched(processes) as most:
                question = FlowsQuestion(begin=begin, end=begin + span)
                rows = sum(1 for _ in ask_flows(connection, question))
        spent = round(time.monotonic() - began, 1)
        yield {"what": "flows, paged", "day": day, "rows": rows, "s": spent} | {
            f"{name}_MB": round(size / 1e6, 1) for name, size in most.items()
        }


@contextmanager
def watched(processes: Mapping[str, int]) -> Iterator[dict[str, int]]:
    """The most by which the anonymous memory of each has grown meanwhile, in bytes."""
    before = {name: _anonymous(process) for name, process in processes.items()}
    most = dict.fromkeys(processes, 0)
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(_LOOK):
            for name, process in processes.items():
                most[name] = max(most[name], _anonymous(process) - before[name])

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield most
    finally:
        ended.set()
        watcher.join()


def _anonymous(process: int) -> int:
    """RssAnon in bytes: what the process holds by itself, without shared memory and files."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    [size] = [line.split()[1] for line in lines if line.startswith("RssAnon:")]
    return 1024 * int(size)
