"""What each part does alone: decoding kept segments, the CALLs, and COPY of the same rows.

``python3 -m bench.alone decode DIRECTORY`` and ``call DIRECTORY DSN`` work in a process of
their own and print JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from bench.figures import Run
from bench.ours import rigged
from bench.processes import Meter
from bench.stage import BenchError, Stage, asking, settle_server, wal_position
from ctaudit.config import BatchSection
from ctaudit.conntrack.event import COLUMNS
from ctaudit.record.encoder import build_columns
from ctaudit.record.positions import Span
from ctaudit.record.procedures import Call, Store
from ctaudit.spool.cursor import Cursor
from ctaudit.spool.decoder import Batch, Decoder
from ctaudit.spool.note import Note
from ctaudit.spool.segment import list_segments, opened_segment
from lab.namespaces import ROOT
from lab.rig import RECORDER, environment

Step = tuple[Span, Batch | Note]


def read_steps(directory: Path, limit: int) -> Iterator[Step]:
    """What a recorder would commit of kept segments: batches of ``limit`` events, and notes."""
    decoder, batch = Decoder(), Batch()
    position = 0
    for _, path in list_segments(directory):
        with opened_segment(path, writable=False) as segment:
            cursor = Cursor(segment, 0)
            while step := cursor.read(decoder, batch, limit - batch.count):
                at = segment.base + cursor.offset
                if batch.count >= limit or (step.stop and batch.count):
                    yield Span(segment.node, segment.stream, position, at), batch
                    position, batch = at, Batch()
                cursor.move(cursor.offset + len(step.stop_bytes))
                if isinstance(step.stop, Note):
                    after = segment.base + cursor.offset
                    yield Span(segment.node, segment.stream, position, after), step.stop
                    position = after
            at = segment.base + cursor.offset
            if batch.count:
                yield Span(segment.node, segment.stream, position, at), batch
                position, batch = at, Batch()


def _decode(directory: Path) -> dict[str, Any]:
    """Nanoseconds of decoding, and of making column arrays, over all kept segments."""
    events = decoded = arrays = 0
    began = time.thread_time_ns()
    for _, step in read_steps(directory, BatchSection().events):
        decoded += time.thread_time_ns() - began
        if isinstance(step, Batch):
            began = time.thread_time_ns()
            build_columns(step)
            arrays += time.thread_time_ns() - began
            events += step.count
        began = time.thread_time_ns()
    return {"events": events, "decode": decoded, "arrays": arrays}


def _call(directory: Path, dsn: str) -> dict[str, Any]:
    """Seconds of the CALLs alone, their arrays made before."""
    connection = psycopg.connect(dsn)
    store = Store(connection, "ctaudit.record_history", len(COLUMNS))
    calls: list[Call] = []
    notes: list[tuple[Span, Note]] = []
    events = 0
    for span, step in read_steps(directory, BatchSection().events):
        if isinstance(step, Note):
            if calls:
                raise BenchError(f"a note ({step.name}) among the events to be called with")
            notes.append((span, step))
            continue
        events += step.count
        calls.append(store.encode(span, step))
    for span, note in notes:
        store.record_note(span, note)
    pids = {"client": [os.getpid()], "backend": [connection.info.backend_pid]}
    own = Meter(lambda: pids)
    own.begin()
    began = time.monotonic()
    for call in calls:
        store.send(call)
        store.receive()
    seconds = time.monotonic() - began
    return {"events": events, "calls": len(calls), "seconds": seconds, "cpu": own.read()}


def _run_apart(*words: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "bench.alone", *words],
        cwd=ROOT,
        env={**environment(), "PYTHONPATH": f"{ROOT}:{environment()['PYTHONPATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BenchError(f"bench.alone {words[0]} failed: {done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def run_decode(segments: Path) -> Run:
    """Decoding and column arrays of kept segments; the rate is of both together."""
    found = _run_apart("decode", str(segments))
    cpu = {"decode": found["decode"], "arrays": found["arrays"]}
    events = found["events"]
    return Run("decode", events, events, sum(cpu.values()) / 1e9, events, cpu=cpu)


def run_call(stage: Stage, segments: Path) -> Run:
    """The CALLs alone, of segments that a receiver has left."""
    with rigged(stage, "history") as rig, asking(rig.owner_dsn) as watch:
        settle_server(stage.cluster)
        wal = wal_position(watch)
        found = _run_apart("call", str(segments), stage.cluster.dsn(rig.database, RECORDER))
        wal = wal_position(watch) - wal
        stored = rig.count("flow")
    events, commits = found["events"], found["calls"]
    seconds, cpu = found["seconds"], found["cpu"]
    return Run("call", events, events, seconds, stored, cpu=cpu, wal=wal, commits=commits)


def run_copy(stage: Stage, rows: Path, events: int) -> Run:
    """Binary COPY of the rows into an empty flow with all its partitions and indexes, once.

    By psql, whose client side takes less than psycopg's.
    """
    with rigged(stage, "history") as rig, asking(rig.owner_dsn) as watch:
        settle_server(stage.cluster)
        wal = wal_position(watch)
        with _running_psql(stage, rig.owner_dsn) as psql:
            backend = int(_ask(psql, "SELECT pg_backend_pid();"))
            pids = {"client": [psql.pid], "backend": [backend]}
            meter = Meter(lambda: pids)
            meter.begin()
            began = time.monotonic()
            said = _ask(psql, f"\\copy ctaudit.flow_row FROM '{rows}' WITH (FORMAT binary)")
            seconds = time.monotonic() - began
            cpu = meter.read()
        if said != f"COPY {events}":
            raise BenchError(f"psql says {said!r} to a COPY of {events} rows")
        wal = wal_position(watch) - wal
        stored = rig.count("flow")
    return Run("copy", events, events, seconds, stored, cpu=cpu, wal=wal, commits=1)


@contextmanager
def _running_psql(stage: Stage, dsn: str) -> Iterator[subprocess.Popen[str]]:
    words = [str(stage.cluster.bin_directory / "psql"), "-XAt", "-v", "ON_ERROR_STOP=1", dsn]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(words, **pipes) as psql:  # type: ignore[call-overload]
        yield psql


def _ask(psql: subprocess.Popen[str], command: str) -> str:
    """Sends a command that answers with one line, and gives that."""
    if psql.stdin is None or psql.stdout is None:
        raise BenchError("psql has no pipes")
    psql.stdin.write(command + "\n")
    psql.stdin.flush()
    return psql.stdout.readline().strip()


def main() -> int:
    command, directory, *more = sys.argv[1:]
    found = _decode(Path(directory)) if command == "decode" else _call(Path(directory), *more)
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
