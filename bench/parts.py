"""What the server does for a CALL of mode history, part by part, beside COPY of the same rows.

Each arm has a database of its own, from which a part is taken out, or an index. All take the same
events, some thousands each in turn, so that other programs on the machine slow all of them down
alike: a ratio is formed within such a turn. It is the backend's CPU alone that is compared.
"""

from __future__ import annotations

import random
import statistics
import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import psycopg

from bench.alone import Step, read_steps
from bench.candidates import FAST
from bench.ours import copy_out, rigged, run_receiver
from bench.processes import cpu_of
from bench.stage import Stage, asking, settle_server, standing_stage
from ctaudit.config import BatchSection
from ctaudit.conntrack.event import COLUMNS
from ctaudit.record.procedures import Store
from ctaudit.spool.note import Note
from lab.rig import RECORDER

TURN = 10_000  # events
FORMER = 2_000  # events of a CALL before decision 0052
_COPY = "COPY ctaudit.flow_row FROM STDIN (FORMAT binary)"
_SIGNATURE, _TRAILER = 19, b"\xff\xff"  # bytes before the first row; behind the last

_BATCH = """
CREATE OR REPLACE FUNCTION ctaudit.record_batch(
    p_node text, p_stream uuid, p_from bigint, p_until bigint, p_covered_until timestamptz,
    p_kinds smallint[], p_columns ctaudit.event_columns
) RETURNS void LANGUAGE plpgsql AS $$ BEGIN RETURN; END $$
"""
_ENDS = """
CREATE OR REPLACE FUNCTION ctaudit.insert_ends(
    p_node_id smallint, p_columns ctaudit.event_columns
) RETURNS void LANGUAGE plpgsql AS $$ BEGIN {} END $$
"""
_ROWS = "PERFORM count(*) FROM (SELECT * FROM ctaudit.events(p_columns) OFFSET 0) AS e;"

# What is taken out of each database.
ARMS: Mapping[str, Sequence[str]] = {
    "whole": (),
    "arguments alone": (_BATCH,),
    "no rows": (_ENDS.format("RETURN;"),),
    "rows, not inserted": (_ENDS.format(_ROWS),),
    "no index by the public port": ("DROP INDEX ctaudit.flow_reply",),
    "no BRIN index": ("DROP INDEX ctaudit.flow_received_at", "DROP INDEX ctaudit.flow_called"),
}
CALLS_OF_FORMER, COPY = f"CALLs of {FORMER:,}", "COPY"


class Arm(Protocol):
    """One of those that take turns."""

    def take(self, events: int) -> tuple[int, int]:
        """(events taken, nanoseconds of the backend); fewer events when there are no more."""


@dataclass
class Calls:
    """CALLs of ``limit`` events, by the recorder's own means."""

    connection: psycopg.Connection[Any]
    segments: Path
    limit: int
    store: Store = field(init=False)
    steps: Iterator[Step] = field(init=False)

    def __post_init__(self) -> None:
        self.store = Store(self.connection, "ctaudit.record_history", len(COLUMNS))
        self.steps = read_steps(self.segments, self.limit)

    def take(self, events: int) -> tuple[int, int]:
        taken = spent = 0
        pid = self.connection.info.backend_pid
        while taken < events and (step := next(self.steps, None)):
            span, batch = step
            if isinstance(batch, Note):
                self.store.record_note(span, batch)
                continue
            call = self.store.encode(span, batch)
            before = cpu_of(pid)
            self.store.send(call)
            self.store.receive()
            spent += cpu_of(pid) - before
            taken += batch.count
        return taken, spent


@dataclass
class Copies:
    """COPY of the rows in one transaction."""

    connection: psycopg.Connection[Any]
    rows: bytes
    offset: int = _SIGNATURE

    def take(self, events: int) -> tuple[int, int]:
        end, taken = find_rows(self.rows, self.offset, events)
        portion = self.rows[:_SIGNATURE] + self.rows[self.offset : end] + _TRAILER
        pid = self.connection.info.backend_pid
        before = cpu_of(pid)
        with self.connection.cursor().copy(_COPY) as copy:
            copy.write(portion)
        self.offset = end
        return taken, cpu_of(pid) - before


def find_rows(rows: bytes, offset: int, count: int) -> tuple[int, int]:
    """Where ``count`` rows of COPY's binary format end, and how many there are till then."""
    found = 0
    while found < count:
        (fields,) = struct.unpack_from("!h", rows, offset)
        if fields < 0:
            break
        offset += 2
        for _ in range(fields):
            (length,) = struct.unpack_from("!i", rows, offset)
            offset += 4 + max(length, 0)
        found += 1
    return offset, found


def run_parts(rounds: int) -> dict[str, Any]:
    """Microseconds an event of each arm by turn, and its share of the whole."""
    spent: dict[str, list[float]] = {name: [] for name in (*ARMS, CALLS_OF_FORMER, COPY)}
    with standing_stage() as stage:
        segments, rows = stage.directory / "segments", stage.directory / "rows"
        run_receiver(stage, FAST, keep=segments)
        _write_rows(stage, segments, rows)
        for _ in range(rounds):
            _run_round(stage, segments, rows, spent)
    whole = spent["whole"]
    return {
        "batch": BatchSection().events,
        "turns": len(whole),
        "arms": {
            name: {
                "us": round(statistics.median(found), 2),
                "ratio": round(_ratio(found, whole), 3),
            }
            for name, found in spent.items()
        },
    }


def _write_rows(stage: Stage, segments: Path, rows: Path) -> None:
    """What the CALLs store, for COPY."""
    with rigged(stage, "history") as rig:
        with psycopg.connect(stage.cluster.dsn(rig.database, RECORDER)) as connection:
            Calls(connection, segments, BatchSection().events).take(FAST)
        copy_out(rig.owner_dsn, rows)


def _ratio(found: Sequence[float], whole: Sequence[float]) -> float:
    return statistics.median(one / other for one, other in zip(found, whole, strict=True))


def _run_round(stage: Stage, segments: Path, rows: Path, spent: dict[str, list[float]]) -> None:
    with ExitStack() as standing:
        arms = {
            name: standing.enter_context(_standing(stage, name, segments, rows)) for name in spent
        }
        settle_server(stage.cluster)
        while True:
            turn = {}
            for name in random.sample(sorted(arms), len(arms)):
                taken, cpu = arms[name].take(TURN)
                if taken < TURN:
                    return
                turn[name] = cpu / taken / 1000
            for name, microseconds in turn.items():
                spent[name].append(microseconds)


@contextmanager
def _standing(stage: Stage, name: str, segments: Path, rows: Path) -> Iterator[Arm]:
    with rigged(stage, "history") as rig:
        with asking(rig.owner_dsn) as owner:
            for statement in ARMS.get(name, ()):
                owner.execute(statement.encode())
        if name == COPY:
            with psycopg.connect(rig.owner_dsn) as connection:
                yield Copies(connection, rows.read_bytes())
            return
        with psycopg.connect(stage.cluster.dsn(rig.database, RECORDER)) as connection:
            limit = FORMER if name == CALLS_OF_FORMER else BatchSection().events
            yield Calls(connection, segments, limit)
