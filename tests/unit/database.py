"""A database in memory behind the recorder's Store, with faults at the moments a test names.

It keeps the promises of the record procedures: each span once and in order, CT001 where a
position does not fit, CT002 for a stream that it does not know.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import psycopg

from ctaudit.errors import DatabaseError
from ctaudit.record.positions import Span
from ctaudit.record.procedures import Call, Store
from ctaudit.spool.decoder import Batch
from ctaudit.spool.note import Note
from tests.unit.reading import rows_of


def server_error(state: str, words: str = "the server's words") -> psycopg.Error:
    """An error with an SQLSTATE, as a server answers."""
    error = psycopg.DatabaseError(words)
    error.sqlstate = state
    return error


def lost_connection() -> psycopg.Error:
    return psycopg.OperationalError("server closed the connection unexpectedly")


@dataclass(frozen=True)
class FakeCall(Call):
    span: Span
    batch: Batch


def _no_fault(_: str) -> None:
    pass


@dataclass
class Database:
    """What is committed, over all connections.

    ``events``: ct_id of each event in the order of commits; ``batches``: how many each had.
    ``log``: every call. ``rejects``: ct_ids whose batch is rejected, or names of notes.
    ``fault``: called at each moment ("connect", "find", "send", "answer", "note" before
    anything is changed, "answered", "noted" after it is committed); it may raise.
    """

    positions: dict[tuple[str, UUID], int] = field(default_factory=dict)
    events: list[int] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)
    coverage: list[int] = field(default_factory=list)
    notes: list[tuple[Span, Note]] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    rejects: set[int | str] = field(default_factory=set)
    fault: Callable[[str], None] = _no_fault
    connections: int = 0

    def open(self) -> Store:
        """What a Session is given."""
        self.meet("connect")
        self.connections += 1
        return FakeStore(self)

    def meet(self, moment: str) -> None:
        self.log.append(moment)
        self.fault(moment)

    def advance(self, span: Span) -> bool:
        """As ctaudit.advance: False when the span is committed already."""
        key = span.node, span.stream
        if key not in self.positions:
            raise server_error("CT002", "the stream is not known")
        if self.positions[key] != span.first:
            if self.positions[key] >= span.until:
                return False
            raise server_error("CT001", "the position does not fit")
        self.positions[key] = span.until
        return True

    def names(self) -> list[str]:
        return [note.name for _, note in self.notes]

    def note(self, name: str) -> tuple[Span, Note]:
        """The only note of that name."""
        (found,) = (noted for noted in self.notes if noted[1].name == name)
        return found


class FakeStore(Store):
    """One connection; a call after it broke or was closed is a mistake of the recorder's."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sent: FakeCall | None = None
        self._is_open = True

    def encode(self, span: Span, batch: Batch) -> Call:
        self._database.meet("encode")
        return FakeCall((), (), (), span, batch)

    def send(self, call: Call) -> None:
        assert self._is_open
        assert self._sent is None, "one batch in flight at most"
        assert isinstance(call, FakeCall)
        self._database.meet("send")
        self._sent = call

    def refresh_live_copy(self, node: str, stream: UUID) -> None:
        assert self._is_open
        assert self._sent is None, "between two batches"
        assert (node, stream) in self._database.positions
        self._database.meet("refresh")

    def find_canary(self, node: str, stream: UUID, sent_at: int, sport: int, dport: int) -> bool:
        assert self._is_open
        assert self._sent is None, "between two batches"
        assert (node, stream) in self._database.positions
        assert sent_at > 0 and sport > 0 and dport == 9
        self._database.meet("canary")
        return False

    @property
    def is_broken(self) -> bool:
        return False

    def receive(self) -> None:
        assert self._is_open
        assert self._sent is not None
        call, self._sent = self._sent, None
        database = self._database
        database.meet("answer")
        events = [row["ct_id"] for row in rows_of(call.batch)]
        if database.rejects & set(events):
            raise server_error("22023", "no such port")
        if database.advance(call.span):
            database.events += events
            database.batches.append(len(events))
            database.coverage.append(call.batch.covered_until)
        database.meet("answered")

    def record_note(self, span: Span, note: Note) -> None:
        assert self._is_open
        assert self._sent is None
        database = self._database
        database.meet("note")
        if note.name in database.rejects:
            raise server_error("22P02", "no such note")
        key = span.node, span.stream
        if note.name == "start" and key not in database.positions:
            database.positions[key] = span.first
        if database.advance(span):
            database.notes.append((span, note))
        database.meet("noted")

    def find_position(self, node: str, stream: UUID) -> int | None:
        assert self._is_open
        assert self._sent is None
        self._database.meet("find")
        return self._database.positions.get((node, stream))

    def find_filter(self, node: str, stream: UUID, position: int) -> dict[str, Any] | None:
        assert self._is_open
        assert self._sent is None
        told = [
            note.detail["filter"]
            for span, note in self._database.notes
            if (span.node, span.stream) == (node, stream)
            and span.first < position
            and note.name in ("start", "resume")
            and "filter" in note.detail
        ]
        return told[-1] if told else None

    def close(self) -> None:
        self._is_open = False


class Unreachable:
    """A fault: nobody answers the next ``times`` connections."""

    def __init__(self, times: int) -> None:
        self.left = times

    def __call__(self, moment: str) -> None:
        if moment == "connect" and self.left:
            self.left -= 1
            raise DatabaseError("cannot connect to database ctaudit: no route to host")
