"""Back-pressure: a long load whose memory, lag and spool must stay level, and a burst.

The default configuration, mode live; generator, services and database share the machine.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from threading import Event, Thread
from typing import Any

from bench.flood import Flood, end_flood, start_flood
from bench.processes import Meter, event_socket, memory_of, peak_memory
from bench.small import ending
from bench.stage import (
    BenchError,
    Stage,
    asking,
    clear_entries,
    count_refused,
    drop_database,
    last_commit,
    server_groups,
    settle_server,
    wait_until,
)
from ctaudit.spool.segment import DamagedSegment, list_segments, opened_segment
from lab.accounting import find_unannounced
from lab.rig import Rig, rigging
from lab.service import started

_PATIENCE = 10.0  # seconds without a further event
_DUMPS = """
    SELECT extract(epoch FROM d.began_at)::float8, extract(epoch FROM d.reconciled_at)::float8,
        d.entries
    FROM ctaudit.dump AS d WHERE d.entries > 0 ORDER BY d.began_at
"""
_TABLES = ("ctaudit.opening", "ctaudit.flow")


@dataclass
class Watch:
    """What is sampled while a load runs: seconds since its start and a dict of figures."""

    rig: Rig
    pids: dict[str, int]
    every: float
    began: float = field(default_factory=time.time)
    samples: list[dict[str, float]] = field(default_factory=list)

    def sample(self) -> dict[str, float]:
        """stored: events, without the entries of dumps that have ended.

        lag: seconds behind now up to which the store is not covered; sizes in bytes.
        """
        ((stored, lag),) = self.rig.query(
            "SELECT sum(stored) - (SELECT coalesce(sum(entries), 0) FROM ctaudit.dump),"
            " extract(epoch FROM clock_timestamp() - max(covered_until))::float8"
            " FROM ctaudit.stream"
        )
        waiting, files = measure_spool(self.rig)
        found = event_socket(self.pids["receiver"])
        figures = {
            "at": time.time() - self.began,
            "stored": float(stored),
            "lag": lag,
            "spool_waiting": waiting,
            "spool_files": files,
            "socket": found.queued if found else 0,
        }
        for name, pid in self.pids.items():
            figures[f"{name}_rss"], figures[f"{name}_pss"] = memory_of(pid)
        self.samples.append(figures)
        return figures

    @contextmanager
    def running(self) -> Iterator[None]:
        done = Event()

        def sample_on() -> None:
            while not done.wait(self.every):
                self.sample()

        sampler = Thread(target=sample_on)
        sampler.start()
        try:
            yield
        finally:
            done.set()
            sampler.join()


def measure_spool(rig: Rig) -> tuple[int, int]:
    """(bytes published but not committed, bytes of the segment files)."""
    waiting = files = 0
    for _, path in list_segments(rig.spool):
        # The receiver deletes what has been kept long enough meanwhile.
        with suppress(FileNotFoundError, DamagedSegment):
            files += path.stat().st_size
            with opened_segment(path, writable=False) as segment:
                waiting += max(0, segment.end - segment.committed)
    return waiting, files


def run_load(
    stage: Stage,
    count: int,
    rate: int,
    *,
    every: float,
    flush_every: float,
    settings: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """``count`` connections at ``rate`` a second (0: flat out), until all is committed.

    every, flush_every: seconds between two samples, between two ends of all connections.
    settings: as of rigging.
    """
    clear_entries(stage.lab)
    with ExitStack() as running:
        rig = running.enter_context(rigging(stage.lab, stage.cluster, settings=settings))
        running.callback(drop_database, stage.cluster, rig.database)
        receiver = running.enter_context(started(rig, "receive"))
        recorder = running.enter_context(started(rig, "record"))
        pids = {"receiver": receiver.pid, "recorder": recorder.pid}
        watch = running.enter_context(asking(rig.owner_dsn))
        covered = "SELECT FROM ctaudit.coverage"
        wait_until(
            lambda: watch.execute(covered).fetchone() is not None, "coverage", recorder.process
        )
        settle_server(stage.cluster)
        meter = Meter(
            lambda: {
                **{name: [pid] for name, pid in pids.items()},
                **server_groups(stage.cluster, watch),
            }
        )
        sampled = Watch(rig, pids, every)
        refused = count_refused(stage.lab)["drop"]
        meter.begin()
        with sampled.running():
            with ending(stage.lab, flush_every):
                sent = end_flood(start_flood(stage.lab, count, rate=rate), count)
            ended_at = time.time()
            at_end = sampled.sample()
            # What the kernel refused, as of two that make clashing entries, never was a connection.
            refused = count_refused(stage.lab)["drop"] - refused
            sent = replace(sent, count=count - refused)
            events = 2 * sent.count
            _wait_for_events(sampled, events)
        cpu = meter.read()
        result = _sum_up(rig, sent, sampled, at_end["stored"], ended_at)
        result["refused"] = refused
        found = event_socket(receiver.pid)
        if found is None or found.drops or rig.count("gap") > 1 or rig.count("undecodable"):
            raise BenchError(f"events were lost: {found}, {rig.rows('gap')}")
        result["cpu_us_per_event"] = {part: used / events / 1000 for part, used in cpu.items()}
        result["ended_every"] = flush_every
        result["peak"] = {name: peak_memory(pid) for name, pid in pids.items()}
    return result


def _wait_for_events(sampled: Watch, events: int) -> None:
    """Until all are stored, or nothing more has come for some seconds."""
    stored, moved = 0.0, time.monotonic()
    while stored < events and time.monotonic() - moved < _PATIENCE:
        time.sleep(0.05)
        now = sampled.sample()["stored"]
        if now > stored:
            stored, moved = now, time.monotonic()


def _sum_up(
    rig: Rig, sent: Flood, sampled: Watch, stored_at_end: float, ended_at: float
) -> dict[str, Any]:
    counts = {table: rig.count(table.partition(".")[2]) for table in _TABLES}
    unannounced = len(find_unannounced(rig))
    if list(counts.values()) != [sent.count - unannounced, sent.count]:
        raise BenchError(f"there were {sent.count} connections, and there are rows: {counts}")
    with asking(rig.owner_dsn) as connection:
        committed, commits = last_commit(connection, *(f"{table}_row" for table in _TABLES))
        size = connection.execute("SELECT pg_database_size(current_database())").fetchone()
        dumps = [
            {
                "began": began - sampled.began,
                "seconds": None if compared is None else compared - began,
                "entries": entries,
            }
            for began, compared, entries in connection.execute(_DUMPS)
        ]
    left = 2 * sent.count - stored_at_end
    drained = committed - ended_at
    return {
        "connections": sent.count,
        "events": 2 * sent.count,
        "sent_rate": sent.rate,
        "seconds": committed - sent.first_at,
        "unannounced": unannounced,
        "left_at_end": left,
        "drain_seconds": max(0.0, drained),
        "drain_rate": left / drained if drained > 0 else None,
        "commits": commits,
        "database_bytes": size[0] if size else None,
        "began": sent.first_at - sampled.began,
        "sent_until": sent.last_at - sampled.began,
        "dumps": dumps,
        "samples": sampled.samples,
    }
