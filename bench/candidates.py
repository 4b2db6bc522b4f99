"""Who takes part, with how many connections, and how each is run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.alone import run_call, run_copy, run_decode
from bench.figures import Run
from bench.ours import run_ours, run_receiver
from bench.stage import Stage
from bench.ulogd import run_ulogd_database, run_ulogd_json

FAST, LIVE = 200_000, 100_000
SLOW, SLOWEST = 40_000, 20_000  # what ulogd2 stores in some seconds


@dataclass(frozen=True)
class Candidate:
    """``title`` is the table's; ``connections`` of each run unless said otherwise."""

    title: str
    connections: int
    run: Callable[[Stage, int], Run]


def _segments(stage: Stage) -> Path:
    return stage.directory / "segments"


def _rows(stage: Stage) -> Path:
    return stage.directory / "rows"


def _run_history(stage: Stage, connections: int) -> Run:
    rows = None if _rows(stage).exists() else _rows(stage)
    return run_ours(stage, "history", connections, rows=rows)


def _run_receiver(stage: Stage, connections: int) -> Run:
    keep = None if _segments(stage).exists() else _segments(stage)
    return run_receiver(stage, connections, keep=keep)


def _run_decode(stage: Stage, connections: int) -> Run:
    if not _segments(stage).exists():
        _run_receiver(stage, connections)
    return run_decode(_segments(stage))


def _run_call(stage: Stage, connections: int) -> Run:
    if not _segments(stage).exists():
        _run_receiver(stage, connections)
    return run_call(stage, _segments(stage))


def _run_copy(stage: Stage, connections: int) -> Run:
    if not _rows(stage).exists():
        _run_history(stage, connections)
    return run_copy(stage, _rows(stage), connections)


def _ours(mode: str) -> Callable[[Stage, int], Run]:
    return lambda stage, connections: run_ours(stage, mode, connections)


def _database(name: str) -> Callable[[Stage, int], Run]:
    return lambda stage, connections: run_ulogd_database(stage, name, connections)


def _json(name: str) -> Callable[[Stage, int], Run]:
    return lambda stage, connections: run_ulogd_json(stage, name, connections)


CANDIDATES: Mapping[str, Candidate] = {
    "history": Candidate("ctaudit, history, end to end", FAST, _run_history),
    "nat": Candidate("ctaudit, nat, end to end", FAST, _ours("nat")),
    "live": Candidate("ctaudit, live, end to end", LIVE, _ours("live")),
    "ulogd-sync": Candidate(
        "ulogd2 → PGSQL, INSERT_CT, synchronous", SLOW, _database("ulogd-sync")
    ),
    "ulogd-async": Candidate(
        "ulogd2 → PGSQL, INSERT_CT, asynchronous", SLOW, _database("ulogd-async")
    ),
    "ulogd-replace": Candidate(
        "ulogd2 → PGSQL, INSERT_OR_REPLACE_CT, synchronous", SLOWEST, _database("ulogd-replace")
    ),
    "ulogd-json": Candidate("ulogd2 → JSON file, buffered", FAST, _json("ulogd-json")),
    "ulogd-json-flushed": Candidate(
        "ulogd2 → JSON file, each line flushed", FAST, _json("ulogd-json-flushed")
    ),
    "copy": Candidate("binary COPY of the same rows into flow", FAST, _run_copy),
    "receiver": Candidate("ctaudit's receiver alone", FAST, _run_receiver),
    "decode": Candidate("ctaudit's decoding alone", FAST, _run_decode),
    "call": Candidate("ctaudit's CALLs alone", FAST, _run_call),
}

ALONE = ("receiver", "decode", "call")
