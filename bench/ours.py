"""ctaudit end to end, and its receiver alone: the real processes, from the kernel's socket on."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench.figures import Run
from bench.processes import Meter, event_socket, peak_memory
from bench.stage import (
    BUFFER,
    BenchError,
    Stage,
    asking,
    clear_entries,
    drop_database,
    last_commit,
    open_and_end,
    server_groups,
    settle_server,
    wait_until,
    wal_position,
)
from ctaudit.spool.segment import list_segments, opened_segment
from lab.rig import Rig, rigging
from lab.service import started

TABLES: Mapping[str, tuple[str, ...]] = {
    "history": ("ctaudit.flow",),
    "nat": ("ctaudit.opening",),
    "live": ("ctaudit.opening", "ctaudit.flow"),
}
_SOCKET = f'receive_buffer = "{BUFFER >> 20}MiB"\nreceive_buffer_max = "{BUFFER >> 20}MiB"'


@contextmanager
def rigged(stage: Stage, mode: str) -> Iterator[Rig]:
    """A fresh database, spool and configuration: the defaults but for the mode and the buffer."""
    settings = {"": f'mode = "{mode}"', "socket": _SOCKET}
    with rigging(stage.lab, stage.cluster, settings=settings) as rig:
        try:
            yield rig
        finally:
            drop_database(stage.cluster, rig.database)


def run_ours(stage: Stage, mode: str, connections: int, *, rows: Path | None = None) -> Run:
    """Receiver, recorder and database; loses nothing or raises BenchError.

    rows: a file for flow's rows in COPY's binary format.
    """
    tables = TABLES[mode]
    events = connections * len(tables)
    clear_entries(stage.lab)
    with ExitStack() as running:
        rig = running.enter_context(rigged(stage, mode))
        receiver = running.enter_context(started(rig, "receive"))
        recorder = running.enter_context(started(rig, "record"))
        watch = running.enter_context(asking(rig.owner_dsn))
        covered = "SELECT FROM ctaudit.coverage"
        wait_until(
            lambda: watch.execute(covered).fetchone() is not None, "coverage", recorder.process
        )
        open_and_end(
            stage.lab,
            connections,
            opened="ctaudit.opening" in tables,
            ended="ctaudit.flow" in tables,
            process=receiver.pid,
        )
        settle_server(stage.cluster)
        own = {"receiver": [receiver.pid], "recorder": [recorder.pid]}
        meter = Meter(lambda: {**own, **server_groups(stage.cluster, watch)})
        wal = wal_position(watch)
        stored = "SELECT sum(stored) FROM ctaudit.stream"
        meter.begin()
        began = time.time()
        os.kill(receiver.pid, signal.SIGCONT)

        def is_stored() -> bool:
            row = watch.execute(stored).fetchone()
            return row is not None and row[0] >= events

        wait_until(is_stored, f"{events} events stored", recorder.process)
        cpu = meter.read()
        wal = wal_position(watch) - wal
        ended, commits = last_commit(watch, *(f"{table}_row" for table in tables))
        count = sum(_count_tuples(rig, table) for table in tables)
        drops = event_socket(receiver.pid)
        peak = {"receiver": peak_memory(receiver.pid), "recorder": peak_memory(recorder.pid)}
        if rig.count("gap") > 1 or rig.count("undecodable"):
            raise BenchError(
                f"a gap or an undecodable event: {rig.rows('gap')} {rig.rows('undecodable')}"
            )
        if rows is not None:
            copy_out(rig.owner_dsn, rows)
    return Run(
        candidate=mode,
        connections=connections,
        events=events,
        seconds=ended - began,
        stored=count,
        kernel_drops=drops.drops if drops else -1,
        cpu=cpu,
        peak=peak,
        wal=wal,
        commits=commits,
    )


def _count_tuples(rig: Rig, table: str) -> int:
    """Rows of a table, provided that each connection has one only."""
    ((rows, distinct),) = rig.query(
        f"SELECT count(*), count(DISTINCT (orig_src, orig_sport, orig_dport)) FROM {table}"  # noqa: S608
    )
    if rows != distinct:
        raise BenchError(f"{rows} rows in {table}, but of {distinct} connections")
    return int(rows)


def copy_out(dsn: str, file: Path) -> None:
    """The rows of flow in COPY's binary format."""
    with asking(dsn) as connection, file.open("wb") as output:
        command = "COPY (SELECT * FROM ctaudit.flow_row) TO STDOUT (FORMAT binary)"
        with connection.cursor().copy(command) as rows:
            for piece in rows:
                output.write(piece)


def run_receiver(stage: Stage, connections: int, *, keep: Path | None = None) -> Run:
    """The receiver alone: from its socket into segments, ends only."""
    clear_entries(stage.lab)
    with rigged(stage, "history") as rig, started(rig, "receive") as receiver:
        wait_until(lambda: _published(rig) > 0, "the first note", receiver.process)
        open_and_end(stage.lab, connections, opened=False, ended=True, process=receiver.pid)
        settle_server(stage.cluster)
        meter = Meter(lambda: {"receiver": [receiver.pid]})
        meter.begin()
        began = ended = time.monotonic()
        os.kill(receiver.pid, signal.SIGCONT)
        seen = _published(rig)
        while time.monotonic() - ended < 0.2:
            time.sleep(0.002)
            now = _published(rig)
            # What a quiet receiver publishes, its note of having drained, is no event.
            if now - seen > 256:
                seen, ended, cpu = now, time.monotonic(), meter.read()
            if time.monotonic() - began > 60:
                raise BenchError("the receiver does not come to an end")
        found = event_socket(receiver.pid)
        peak = {"receiver": peak_memory(receiver.pid)}
        stored = count_events(rig.spool)
        if keep is not None:
            keep_segments(rig, keep)
    return Run(
        candidate="receiver",
        connections=connections,
        events=connections,
        seconds=ended - began,
        stored=stored,
        kernel_drops=found.drops if found else -1,
        cpu=cpu,
        peak=peak,
    )


def _published(rig: Rig) -> int:
    """Bytes published in all segments."""
    total = 0
    for _, path in list_segments(rig.spool):
        with opened_segment(path, writable=False) as segment:
            total += segment.end
    return total


def count_events(spool: Path) -> int:
    """Conntrack's own messages in the segments of a directory, NFNL_SUBSYS_CTNETLINK."""
    count = 0
    for _, path in list_segments(spool):
        with opened_segment(path, writable=False) as segment:
            data, offset = segment.copy_data(0, segment.end), 0
        while offset + 16 <= len(data):
            length = int.from_bytes(data[offset : offset + 4], "little")
            count += data[offset + 5] == 1
            offset += max(16, (length + 3) & ~3)
    return count


def keep_segments(rig: Rig, keep: Path) -> None:
    shutil.rmtree(keep, ignore_errors=True)
    keep.mkdir(parents=True)
    for _, path in list_segments(rig.spool):
        shutil.copy(path, keep)
