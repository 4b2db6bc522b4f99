"""Process two: follows the segments, and makes each batch and each note one CALL.

The position in the database decides what comes next, at the start and after every fault:
whatever had been decoded is thrown away and read again from there. So nothing is stored twice
and nothing is left out, whichever side of a commit a connection broke on.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from uuid import UUID

import psycopg

from ctaudit.config import Config
from ctaudit.cursor import Cursor, Reading
from ctaudit.database import check_schema_version, connect, tell
from ctaudit.decode import Aside, Batch, Decoder
from ctaudit.errors import DatabaseError, UsageError
from ctaudit.faults import tell_fault
from ctaudit.follow import Foreign, Hole, find_place, has_later_data, list_paths
from ctaudit.frame import DamagedFrame
from ctaudit.journal import LiveLines, pick_writer
from ctaudit.loss import record_aside, record_damage, record_hole
from ctaudit.segment import Segment, keep_damaged, set_aside
from ctaudit.service import Watchdog, hearing_stop, notify
from ctaudit.spool import claiming_spool
from ctaudit.store import Span, Store, is_misfit, is_poison

log = logging.getLogger(__name__)

_IDLE_COMMIT = 1.0  # seconds between two commits that only advance the coverage
_LATER = 1.0  # seconds between two looks for segments after the one that is written
_LOOK = 0.02  # seconds between two looks at a segment that has nothing new
_LONGEST_WAIT = 5.0  # seconds between two tries to reach the database, at most
_LONGEST_STOP = 10.0  # seconds that a stop lets the recorder go on committing, at most

ListPaths = Callable[[], Sequence[Path]]


def run(config: Config, dsn: str) -> int:
    """Records until SIGTERM or SIGINT. Raises SchemaError, UsageError, DiskError."""
    directory = config.spool.directory
    with claiming_spool(directory, "recorder"), hearing_stop() as stop:
        recorder = Recorder(config, dsn, lambda: list_paths(directory))
        notify("READY=1", "STATUS=recording")
        log.info("recording from %s through %s", directory, config.record_procedure)
        recorder.work(lambda: bool(stop))
        notify("STOPPING=1")
    return 0


def replay(config: Config, dsn: str, path: Path) -> int:
    """Records what a kept segment holds and the database does not; the file is left as it is.

    Raises UsageError, DatabaseError, SchemaError.
    """
    if not path.is_file():
        raise UsageError(f"{path}: no such segment")
    recorder = Recorder(config, dsn, lambda: [path], live=False)
    recorder.work(lambda: True)
    log.info("%s: %d events recorded", path, recorder.recorded)
    return 0


class Recorder:
    """What has been read but not committed, and the connection.

    ``live``: waits for a database that is away, and marks in the segments what is committed.
    """

    def __init__(
        self, config: Config, dsn: str, list_segments: ListPaths, *, live: bool = True
    ) -> None:
        self._config = config
        self._dsn = dsn
        self._list = list_segments
        self._live = live
        self._lines = LiveLines(config.journal.rate, pick_writer())
        self._watchdog = Watchdog()
        self._decoder = Decoder()
        self._store: Store | None = None
        self._failures = 0
        self._misfit = False
        self._limit = config.batch.events
        self._positions: dict[tuple[str, UUID], int | None] = {}
        self._shown: dict[UUID, int] = {}
        self._cursor: Cursor | None = None
        self._batch = Batch()
        self._last: Reading | None = None
        self._flushed = time.monotonic()
        self._next_look = 0.0
        self.recorded = 0

    def work(self, stopping: Callable[[], bool]) -> None:
        """Turns until told to stop and all that is there has been recorded."""
        deadline = None
        while True:
            self._watchdog.feed()
            stop = stopping()
            if stop and self._live:
                deadline = deadline or time.monotonic() + _LONGEST_STOP
                if time.monotonic() > deadline:
                    break
            try:
                moved = self._turn(self._store or self._connect(), stop=stop)
            except (psycopg.Error, DatabaseError) as error:
                if stop and self._live:
                    break
                self._meet_fault(error)
                continue
            if moved:
                continue
            if stop:
                break
            self._lines.turn()
            time.sleep(_LOOK)
        self._lines.finish()
        self._forget()
        if self._store is not None:
            self._store.connection.close()

    def _connect(self) -> Store:
        connection = connect(self._dsn, "recorder")
        check_schema_version(connection)
        self._store = Store(connection, self._config.record_procedure)
        return self._store

    def _turn(self, store: Store, *, stop: bool) -> bool:
        """Takes one step or flushes what is due; False when there was nothing to do."""
        cursor = self._cursor
        if cursor is None:
            return self._seek(store)
        try:
            reading = self._read(store, cursor)
        except DamagedFrame as damaged:
            self._meet_damage(store, cursor.segment, cursor.offset, str(damaged))
            return True
        if reading is None:
            ended = cursor.has_ended() or self._has_lost_its_seal(cursor.segment, stop=stop)
            due = ended or stop or self._is_due()
            flushed = due and self._flush(store, cursor, cursor.offset)
            if ended:
                self._leave()
            return flushed or ended
        if self._limit == 1:
            self._last = reading
        if self._batch.count >= self._limit or self._is_due():
            self._flush(store, cursor, cursor.offset)
        if reading.stop is not None:
            if self._batch.count or self._batch.covered_until:
                self._flush(store, cursor, cursor.offset)
            self._record_stop(store, cursor, reading)
        return True

    def _read(self, store: Store, cursor: Cursor) -> Reading | None:
        """Reads on into the batch.

        What follows a quiet time is read into a batch of its own: the store takes the coverage
        before a batch for the earliest that its events began.
        """
        batch = self._batch
        if batch.count or not batch.covered_until:
            return cursor.read(self._decoder, batch, self._limit - batch.count)
        quiet_until, fresh = cursor.offset, Batch()
        reading = cursor.read(self._decoder, fresh, self._limit)
        if fresh.count:
            self._flush(store, cursor, quiet_until)
            self._batch = fresh
        else:
            batch.covered_until = max(batch.covered_until, fresh.covered_until)
        return reading

    def _has_lost_its_seal(self, segment: Segment, *, stop: bool) -> bool:
        """Whether a later segment has data: it was begun after this one had been sealed.

        A loss of power may undo a seal, and the recorder would wait for ever. Seals it again.
        """
        now = time.monotonic()
        if not self._live or not (stop or now >= self._next_look):
            return False
        self._next_look = now + _LATER
        if not has_later_data(self._list(), segment):
            return False
        segment.seal()
        return True

    def _is_due(self) -> bool:
        if not self._batch.count and not self._batch.covered_until:
            return False
        wait = self._config.batch.wait if self._batch.count else _IDLE_COMMIT
        return time.monotonic() - self._flushed >= wait

    def _flush(self, store: Store, cursor: Cursor, offset: int) -> bool:
        """Commits what has been read up to ``offset``; False when there was nothing new."""
        batch, segment = self._batch, cursor.segment
        span = self._span(segment, offset)
        if span.until <= span.first:
            return False
        if span.until > self._shown.get(segment.stream, 0):
            self._lines.show(batch)
            self._shown[segment.stream] = span.until
        store.record(span, batch)
        self.recorded += batch.count
        self._batch = Batch()
        self._limit = min(2 * self._limit, self._config.batch.events)
        self._mark(segment, offset)
        return True

    def _record_stop(self, store: Store, cursor: Cursor, reading: Reading) -> None:
        stop, span = reading.stop, self._span(cursor.segment, reading.after)
        if isinstance(stop, Aside):
            record_aside(store, span, reading.received, stop.reason, stop.message)
        elif stop is not None:
            try:
                store.record_note(span, stop.at, stop.name, stop.detail)
            except psycopg.Error as error:
                if not is_poison(error):
                    raise
                message = bytes(reading.stopper)
                record_aside(store, span, reading.received, stop.name, message, tell(error))
        self._mark(cursor.segment, reading.after)
        cursor.move(reading.after)

    def _meet_fault(self, error: psycopg.Error | DatabaseError) -> None:
        """Splits a batch the server refuses for its content; waits out everything else."""
        words = tell(error) if isinstance(error, psycopg.Error) else str(error)
        store, cursor, count = self._store, self._cursor, self._batch.count
        answering = store is not None and not store.connection.broken
        if answering and count and is_poison(error):
            if self._limit > 1:
                self._limit = max(1, min(count, self._limit) // 2)
            elif store is not None and cursor is not None and self._last is not None:
                span, last = self._span(cursor.segment, cursor.offset), self._last
                try:
                    record_aside(store, span, last.received, "refused", bytes(last.taken), words)
                except psycopg.Error as worse:
                    self._wait_for_database(tell(worse))
            self._forget()
            return
        self._forget()
        if answering and is_misfit(error) and not self._misfit:
            self._misfit = True
            return
        if not self._live:
            raise DatabaseError(words) from error
        self._wait_for_database(words)

    def _wait_for_database(self, words: str) -> None:
        if self._store is not None:
            self._store.connection.close()
            self._store = None
        if not self._failures:
            tell_fault(log, "database away", f"events wait in the spool: {words}")
            notify(f"STATUS=the database is away: {words}")
        self._failures += 1
        # Jitter keeps a fleet from coming back in one moment.
        longest = min(_LONGEST_WAIT, 0.1 * 2 ** min(self._failures, 10))
        time.sleep(random.uniform(longest / 2, longest))  # noqa: S311

    def _forget(self) -> None:
        """Back to the database's position: what is not committed is read again."""
        self._leave()
        self._batch = Batch()
        self._positions.clear()

    def _leave(self) -> None:
        if self._cursor is not None:
            self._cursor.segment.close()
            self._cursor = None

    def _mark(self, segment: Segment, offset: int) -> None:
        """What has been committed ends at ``offset`` now."""
        if self._failures:
            tell_fault(
                log, "database back", "the database is back, recording goes on", logging.INFO
            )
            notify("STATUS=recording")
        self._failures, self._misfit = 0, False
        self._positions[segment.node, segment.stream] = segment.base + offset
        if self._live:
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

        place = find_place(self._list(), find_position, writable=self._live)
        if place is None:
            return False
        if isinstance(place, Foreign):
            if not self._live:
                raise UsageError(f"{place.path}: {place.reason}")
            aside = set_aside(place.path)
            tell_fault(log, "damage", f"{place.path} is set aside as {aside.name}: {place.reason}")
        elif isinstance(place, Hole):
            record_hole(store, place, self._config.mode)
            self._positions[place.node, place.stream] = place.until
        else:
            self._enter(store, *place)
        return True

    def _enter(self, store: Store, segment: Segment, offset: int) -> None:
        self._flushed = time.monotonic()
        try:
            self._cursor = Cursor(segment, offset)
        except DamagedFrame as damaged:
            self._meet_damage(store, segment, offset, str(damaged))
            segment.close()

    def _meet_damage(self, store: Store, segment: Segment, at: int, reason: str) -> None:
        """Records the rest of the segment as missing; what came before the damage is stored."""
        cursor, end = self._cursor, segment.end
        if cursor is not None:
            self._flush(store, cursor, cursor.offset)
            cursor.move(end)
        if self._live:
            keep_damaged(segment.path)
        is_known = self._positions[segment.node, segment.stream] is not None
        mode = None if is_known else self._config.mode
        record_damage(store, self._span(segment, end), segment, at, reason, mode)
        self._mark(segment, end)
