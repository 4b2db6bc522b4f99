"""A recorder without PostgreSQL: reads the spool as the real one does, into a database of sets."""

from __future__ import annotations

import copy
from collections import Counter
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from uuid import UUID

from ctaudit.record.locate import MissingBytes, NotASegment, locate
from ctaudit.record.upkeep import mark_committed, open_ready
from ctaudit.spool.cursor import Cursor
from ctaudit.spool.decoder import Batch, Decoder, Undecodable, describe_row
from ctaudit.spool.frame import DamagedFrame
from ctaudit.spool.note import Note
from ctaudit.spool.order import has_later_data, list_paths
from ctaudit.spool.segment import Segment, rename_not_a_segment

Row = dict[str, Any]
BATCH = 1000
MOST_CONFLICTS = 3
MOST_STEPS = 100_000


class Conflict(Exception):
    """CT001: the position does not fit; the recorder asks for the position and tries again."""


class Stuck(AssertionError):
    """What the recorder would try again for ever."""


@dataclass
class Database:
    """What the record procedures keep: rows, and per stream the position and the notes."""

    rows: list[Row] = field(default_factory=list)
    positions: dict[UUID, int] = field(default_factory=dict)
    notes: list[tuple[UUID, int, Note]] = field(default_factory=list)
    missing: list[tuple[UUID, int, int]] = field(default_factory=list)
    undecodable: list[Undecodable] = field(default_factory=list)

    def snapshot(self) -> Database:
        parts = {item.name: copy.copy(getattr(self, item.name)) for item in fields(self)}
        return Database(**parts)

    def find_position(self, node: str, stream: UUID) -> int | None:
        assert node == "gw1"
        return self.positions.get(stream)

    def advance(self, stream: UUID, first: int, until: int) -> None:
        """ctaudit.advance: exactly from the position that is held."""
        if stream not in self.positions:
            raise Stuck(f"CT002: the stream is not known, and [{first}, {until}) is no start note")
        if until < first or self.positions[stream] != first:
            raise Conflict(f"CT001: {first} until {until}, not from {self.positions[stream]}")
        self.positions[stream] = until

    def record_missing(self, stream: UUID, first: int, until: int) -> None:
        """A note "missing", or "start" for a stream that is not known."""
        self.positions.setdefault(stream, first)
        self.advance(stream, first, until)
        self.missing.append((stream, first, until))

    def record_stop(self, stream: UUID, first: int, until: int, found: Note | Undecodable) -> None:
        """What ended a step of reading: a note, or what nobody can decode."""
        if isinstance(found, Undecodable):
            self.advance(stream, first, until)
            self.undecodable.append(found)
            return
        self.record_note(stream, first, until, found)

    def record_note(self, stream: UUID, first: int, until: int, note: Note) -> None:
        if note.name == "start" and stream not in self.positions:
            self.positions[stream] = until
        else:
            self.advance(stream, first, until)
        self.notes.append((stream, first, note))

    def end_of(self, stream: UUID) -> int:
        """Where its stop note begins, or how far it is known."""
        stops = [first for of, first, note in self.notes if of == stream and note.name == "stop"]
        return min([*stops, self.positions.get(stream, 0)])

    def counts(self, name: str, key: str) -> Counter[UUID]:
        """The sum of a number over the notes of that name, by stream."""
        sums: Counter[UUID] = Counter()
        for stream, _, note in self.notes:
            if note.name == name:
                sums[stream] += note.detail[key] or 0
        return sums


class Reader:
    """Reads and commits in steps; may stop after any of them."""

    def __init__(self, directory: Path, database: Database) -> None:
        self._directory = directory
        self.database = database
        self._decoder = Decoder()
        self._cursor: Cursor | None = None

    def stop(self) -> None:
        """What was read is forgotten, as after a kill."""
        if self._cursor is not None:
            self._cursor.segment.close()
            self._cursor = None

    def restore(self, database: Database) -> None:
        """The database comes back as it was once."""
        self.stop()
        self.database = database

    def step(self) -> bool:
        """False if there was nothing to do, or nothing that can be done now."""
        try:
            return self._seek() if self._cursor is None else self._read(self._cursor)
        except Conflict:
            self.stop()
            return False

    def read_all(self) -> None:
        """Until nothing is left. Raises Stuck if that is never so."""
        conflicts = 0
        for _ in range(MOST_STEPS):
            try:
                if not (self._seek() if self._cursor is None else self._read(self._cursor)):
                    return
            except Conflict as conflict:
                self.stop()
                conflicts += 1
                if conflicts > MOST_CONFLICTS:
                    raise Stuck(str(conflict)) from conflict
        raise Stuck("there is always something to do")

    def _seek(self) -> bool:
        database = self.database
        located = locate(list_paths(self._directory), database.find_position)
        mark_committed(located.stored)
        place = located.place
        if place is None:
            return False
        if isinstance(place, NotASegment):
            rename_not_a_segment(place.path)
        elif isinstance(place, MissingBytes):
            database.record_missing(place.span.stream, place.span.first, place.span.until)
        else:
            segment = open_ready(place, writable=True)
            self._cursor = Cursor(segment, place.offset) if segment else None
        return True

    def _read(self, cursor: Cursor) -> bool:
        segment, batch = cursor.segment, Batch()
        try:
            step = cursor.read(self._decoder, batch, BATCH)
        except DamagedFrame:
            cursor.move(segment.end)
            self._record_damage(segment)
            return True
        if step is None:
            return self._look_on(cursor)
        if batch.count or batch.covered_until:
            self._commit(segment, cursor.offset, batch)
        if step.stop is not None:
            first, after = self._position(segment), cursor.offset + len(step.stop_bytes)
            self.database.record_stop(segment.stream, first, segment.base + after, step.stop)
            segment.commit(after)
            cursor.move(after)
        return True

    def _look_on(self, cursor: Cursor) -> bool:
        """Where a segment has nothing more to read: on to the next one, if there is one."""
        if cursor.has_ended():
            # What gives no row, as a frame that only ends a dump: it is passed, or read for ever.
            self._commit(cursor.segment, cursor.offset, Batch())
            self.stop()
            return True
        if has_later_data(list_paths(self._directory), cursor.segment):
            cursor.segment.seal()
            return True
        return False

    def _commit(self, segment: Segment, offset: int, batch: Batch) -> None:
        first, until = self._position(segment), segment.base + offset
        if until <= first:
            # Nothing new. Events there would be stored a second time, or never.
            assert not batch.count, f"events at [.., {until}), which was committed to {first}"
            return
        self.database.advance(segment.stream, first, until)
        for layout, rows in batch.rows.items():
            self.database.rows += [describe_row(layout, row) for row in rows]
        segment.commit(offset)

    def _position(self, segment: Segment) -> int:
        return self.database.positions.get(segment.stream, 0)

    def _record_damage(self, segment: Segment) -> bool:
        """The rest of the segment; False if all of it has been recorded before."""
        first, until = self._position(segment), segment.base + segment.end
        if first == until:
            return False
        self.database.record_missing(segment.stream, first, until)
        segment.commit(segment.end)
        return True
