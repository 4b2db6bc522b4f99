"""Process two: follows the segments, and makes each batch and each note one CALL.

The position in the database decides what comes next, at the start and after every fault:
whatever had been decoded is thrown away and read again from there. So nothing is stored twice
and nothing is left out, whichever side of a commit a connection broke on.
"""

from __future__ import annotations

import base64
import logging
import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from uuid import UUID

import psycopg

from ctaudit.config import Config
from ctaudit.database import check_schema_version, connect
from ctaudit.decode import Aside, Batch, Decoder
from ctaudit.errors import DatabaseError, UsageError
from ctaudit.follow import Foreign, Hole, find_frame, find_place, list_paths, load_frame
from ctaudit.frame import DamagedFrame, Frame
from ctaudit.journal import LiveLines, pick_writer, tell_fault
from ctaudit.note import Note
from ctaudit.process import hearing_stop
from ctaudit.segment import Segment
from ctaudit.spool import claiming_spool
from ctaudit.store import POSITION_MISFIT, Span, Store

log = logging.getLogger(__name__)

_IDLE_COMMIT = 1.0  # seconds between two commits that only advance the coverage
_LOOK = 0.02  # seconds between two looks at a segment that has nothing new
_LONGEST_WAIT = 5.0  # seconds between two tries to reach the database, at most
# SQLSTATE classes that speak of the data, not of the server's state or of this program.
_POISON = ("21", "22", "23", "P0")

ListPaths = Callable[[], Sequence[Path]]


def run(config: Config, dsn: str) -> int:
    """Records until SIGTERM or SIGINT. Raises SchemaError, UsageError, DiskError."""
    directory = config.spool.directory
    with claiming_spool(directory, "recorder"), hearing_stop() as stop:
        recorder = Recorder(config, dsn, lambda: list_paths(directory))
        log.info("recording from %s through %s", directory, config.record_procedure)
        recorder.work(lambda: bool(stop))
    return 0


def replay(config: Config, dsn: str, path: Path) -> int:
    """Records what a kept segment holds and the database does not.

    Raises UsageError, DatabaseError, SchemaError.
    """
    if not path.is_file():
        raise UsageError(f"{path}: no such segment")
    recorder = Recorder(config, dsn, lambda: [path], patient=False)
    recorder.work(lambda: True)
    log.info("%s: %d events recorded", path, recorder.recorded)
    return 0


class Recorder:
    """Where the stream is read, what is decoded but not committed, and the connection.

    ``patient``: waits for a database that is away; otherwise DatabaseError is raised.
    """

    def __init__(
        self, config: Config, dsn: str, list_segments: ListPaths, *, patient: bool = True
    ) -> None:
        self._config = config
        self._dsn = dsn
        self._list = list_segments
        self._patient = patient
        self._lines = LiveLines(config.journal.rate, pick_writer())
        self._decoder = Decoder()
        self._store: Store | None = None
        self._failures = 0
        self._misfit = False
        self._limit = config.batch.events
        self._positions: dict[tuple[str, UUID], int | None] = {}
        self._shown: dict[UUID, int] = {}
        self._segment: Segment | None = None
        self._frame: tuple[Frame, bytes] | None = None
        self._offset = 0
        self._batch = Batch()
        self._last_message = b""
        self._flushed = time.monotonic()
        self.recorded = 0

    def work(self, stopping: Callable[[], bool]) -> None:
        """Turns until told to stop and all that is there has been recorded."""
        while True:
            stop = stopping()
            try:
                moved = self._turn(self._store or self._connect(), stop)
            except (psycopg.Error, DatabaseError) as error:
                if stop and self._patient:
                    break
                self._meet_fault(error)
                continue
            if moved:
                continue
            if stop:
                break
            self._lines.turn()
            time.sleep(_LOOK)
        self._forget()
        if self._store is not None:
            self._store.connection.close()

    def _connect(self) -> Store:
        connection = connect(self._dsn)
        check_schema_version(connection)
        self._store = Store(connection, self._config.record_procedure)
        return self._store

    def _meet_fault(self, error: psycopg.Error | DatabaseError) -> None:
        """Splits a batch the server refuses for its content; waits out everything else."""
        state = getattr(error, "sqlstate", None) or ""
        sentence = explain(error)
        broken = self._store is None or self._store.connection.broken
        if state.startswith(_POISON) and self._batch.count and not broken:
            if self._batch.count > 1:
                self._limit = self._batch.count // 2
            else:
                self._set_refused_aside(sentence)
            self._forget()
            return
        self._forget()
        if state in POSITION_MISFIT and not broken and not self._misfit:
            self._misfit = True
            return
        if not self._patient:
            raise DatabaseError(sentence) from error
        if self._store is not None:
            self._store.connection.close()
            self._store = None
        if not self._failures:
            tell_fault(log, "database away", f"events wait in the spool: {sentence}")
        self._failures += 1
        # Jitter keeps a fleet from coming back in one moment.
        longest = min(_LONGEST_WAIT, 0.1 * 2 ** min(self._failures, 10))
        time.sleep(random.uniform(longest / 2, longest))  # noqa: S311

    def _forget(self) -> None:
        """Back to the database's position: what is not committed is read again."""
        if self._segment is not None:
            self._segment.close()
        self._segment, self._frame, self._batch = None, None, Batch()
        self._positions.clear()

    def _turn(self, store: Store, stop: bool) -> bool:
        """Takes one frame or flushes what is due; False when there was nothing to do."""
        segment = self._segment
        if segment is None:
            return self._seek(store)
        if self._frame is None:
            sealed = segment.sealed
            if self._offset >= segment.end:
                if sealed or stop or self._is_due():
                    flushed = self._flush(store, segment)
                    if sealed:
                        self._leave(segment)
                    return flushed or bool(sealed)
                return False
            try:
                self._frame = load_frame(segment, self._offset)
            except DamagedFrame as damaged:
                self._meet_damage(store, segment, str(damaged))
                return True
            self._offset = self._frame[0].start
        self._take(store, segment, *self._frame)
        return True

    def _take(self, store: Store, segment: Segment, frame: Frame, body: bytes) -> None:
        batch = self._batch
        room = self._limit - batch.count
        before = self._offset - frame.start
        stretch = self._decoder.read(body, before, frame.received, batch, room)
        self._offset = frame.start + stretch.offset
        if self._limit == 1:
            self._last_message = body[before : stretch.offset]
        if batch.count >= self._limit or (stretch.stop and (batch.count or batch.covered_until)):
            self._flush(store, segment)
        if stretch.stop is not None:
            after = frame.start + stretch.after
            self._record_stop(store, self._span(segment, after), stretch.stop, frame.received)
            self._move(segment, after)
        if self._offset >= frame.end:
            self._frame = None
        if self._is_due():
            self._flush(store, segment)

    def _record_stop(self, store: Store, span: Span, stop: Note | Aside, received: int) -> None:
        if isinstance(stop, Aside):
            tell_fault(log, "set aside", f"a message was set aside: {stop.reason}")
            store.record_note(span, received, "aside", describe_aside(stop.reason, stop.message))
        else:
            store.record_note(span, stop.at, stop.name, stop.detail)

    def _is_due(self) -> bool:
        if not self._batch.count and not self._batch.covered_until:
            return False
        wait = self._config.batch.wait if self._batch.count else _IDLE_COMMIT
        return time.monotonic() - self._flushed >= wait

    def _flush(self, store: Store, segment: Segment) -> bool:
        """Commits what has been read of this segment; False when there was nothing new."""
        batch = self._batch
        span = self._span(segment, self._offset)
        if span.until == span.first:
            return False
        if span.until > self._shown.get(segment.stream, 0):
            self._lines.show(batch)
            self._shown[segment.stream] = span.until
        store.record(span, batch)
        self.recorded += batch.count
        self._batch = Batch()
        self._limit = min(2 * self._limit, self._config.batch.events)
        self._move(segment, self._offset)
        return True

    def _move(self, segment: Segment, offset: int) -> None:
        """What has been committed ends at ``offset`` now."""
        if self._failures:
            tell_fault(
                log, "database back", "the database is back, recording goes on", logging.INFO
            )
        self._failures, self._misfit = 0, False
        self._offset = offset
        self._positions[segment.node, segment.stream] = segment.base + offset
        segment.commit(offset)
        self._flushed = time.monotonic()

    def _span(self, segment: Segment, offset: int) -> Span:
        first = self._positions[segment.node, segment.stream] or 0
        return Span(segment.node, segment.stream, first, segment.base + offset)

    def _seek(self, store: Store) -> bool:
        """Finds the segment to read next; records what is missing before it."""

        def find_position(node: str, stream: UUID) -> int | None:
            if (node, stream) not in self._positions:
                self._positions[node, stream] = store.find_position(node, stream)
            return self._positions[node, stream]

        place = find_place(self._list(), find_position)
        if place is None:
            return False
        if isinstance(place, Foreign):
            aside = place.path.with_suffix(".foreign")
            place.path.rename(aside)
            tell_fault(log, "damage", f"{place.path} is set aside as {aside.name}: {place.reason}")
        elif isinstance(place, Hole):
            self._record_hole(store, place)
        else:
            self._enter(store, *place)
        return True

    def _record_hole(self, store: Store, hole: Hole) -> None:
        span = Span(hole.node, hole.stream, hole.first, hole.until)
        tell_fault(
            log, "damage", f"bytes {hole.first} to {hole.until} of stream {hole.stream} are gone"
        )
        if hole.known:
            store.record_note(span, time.time_ns(), "missing", {"cause": "segments are gone"})
        else:
            detail: dict[str, object] = {"mode": self._config.mode, "cause": "its start is gone"}
            store.record_note(span, time.time_ns(), "start", detail)
        self._positions[hole.node, hole.stream] = hole.until

    def _enter(self, store: Store, segment: Segment, offset: int) -> None:
        self._segment, self._offset, self._frame = segment, offset, None
        self._flushed = time.monotonic()
        try:
            head = find_frame(segment, offset)
            if head != offset:
                self._frame = load_frame(segment, head)
        except DamagedFrame as damaged:
            self._meet_damage(store, segment, str(damaged))

    def _leave(self, segment: Segment) -> None:
        segment.close()
        self._segment = None

    def _meet_damage(self, store: Store, segment: Segment, reason: str) -> None:
        """Records the rest of the segment as missing; what came before the damage is stored."""
        self._flush(store, segment)
        at, end = self._offset, segment.end
        tell_fault(log, "damage", f"{segment.path}: damaged at byte {at} of {end}: {reason}")
        span = self._span(segment, end)
        detail: dict[str, object] = {"cause": f"damaged segment: {reason}"}
        store.record_note(span, time.time_ns(), "missing", detail)
        self._move(segment, end)
        self._frame = None

    def _set_refused_aside(self, words: str) -> None:
        store, segment = self._store, self._segment
        if store is None or segment is None:
            return
        tell_fault(log, "set aside", f"an event was set aside, the server refused it: {words}")
        detail = describe_aside("refused by the server", self._last_message)
        span = self._span(segment, self._offset)
        store.record_note(span, time.time_ns(), "aside", {**detail, "server_words": words})


def explain(error: psycopg.Error | DatabaseError) -> str:
    """The server's own sentence, or the driver's, in one line."""
    diagnosed = error.diag.message_primary if isinstance(error, psycopg.Error) else None
    return " ".join((diagnosed or str(error)).split())


def describe_aside(reason: str, message: bytes) -> dict[str, object]:
    return {"reason": reason, "message": base64.b64encode(message).decode()}
