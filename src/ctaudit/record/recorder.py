"""Process two: follows the segments, and makes each batch and each note one CALL.

The position in the database decides what comes next, at the start and after every fault:
whatever had been decoded is thrown away and read again from there. So nothing is stored twice
and nothing is left out, whichever side of a commit a connection broke on.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from uuid import UUID

import psycopg

from ctaudit.config import Config
from ctaudit.database.connection import describe_error
from ctaudit.errors import DatabaseError, UsageError
from ctaudit.host.log import log_fault
from ctaudit.host.systemd import Watchdog, notify, stop_signals
from ctaudit.record.commits import Commits
from ctaudit.record.live_log import LiveLines, pick_writer
from ctaudit.record.locate import MissingBytes, NotASegment, find_place, has_later_data, list_paths
from ctaudit.record.loss import record_damage, record_missing, record_undecodable
from ctaudit.record.procedures import is_position_conflict, is_rejected_content
from ctaudit.spool.cursor import Cursor, Reading
from ctaudit.spool.decoder import Batch, Decoder, Undecodable
from ctaudit.spool.frame import DamagedFrame
from ctaudit.spool.lock import spool_lock
from ctaudit.spool.segment import Segment, move_aside, preserve_damaged

log = logging.getLogger(__name__)

_IDLE_COMMIT = 1.0  # seconds between two commits that only advance the coverage
_LATER = 1.0  # seconds between two looks for segments after the one that is written
_LOOK = 0.2  # seconds between two looks at a segment that has nothing new, at most
_LONGEST_STOP = 10.0  # seconds that a stop lets the recorder go on committing, at most

ListPaths = Callable[[], Sequence[Path]]


def run(config: Config, dsn: str) -> int:
    """Records until SIGTERM or SIGINT. Raises SchemaError, UsageError, DiskError."""
    directory = config.spool.directory
    with spool_lock(directory, "recorder"), stop_signals() as stop:
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
    log.info("%s: %d events recorded", path, recorder.commits.committed)
    return 0


class Recorder:
    """What has been read but not sent.

    ``live``: waits for a database that is away, and marks in the segments what is committed.
    """

    def __init__(
        self, config: Config, dsn: str, list_segments: ListPaths, *, live: bool = True
    ) -> None:
        self._config = config
        self._list = list_segments
        self._live = live
        self._lines = LiveLines(config.journal.rate, pick_writer())
        self._watchdog = Watchdog()
        self._decoder = Decoder()
        self._limit = config.batch.events
        self._shown: dict[UUID, int] = {}
        self._cursor: Cursor | None = None
        self._batch = Batch()
        self._last: Reading | None = None
        self._next_look = 0.0
        self.commits = Commits(config, dsn, live=live)

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
                moved = self._turn(stop=stop)
            except (psycopg.Error, DatabaseError) as error:
                if stop and self._live:
                    break
                self._handle_fault(error)
                continue
            if moved:
                continue
            if stop:
                break
            self._lines.turn()
            time.sleep(min(_LOOK, self._config.batch.wait))
        self._lines.finish()
        self._forget()
        self.commits.close()

    def _turn(self, *, stop: bool) -> bool:
        """Takes one step or flushes what is due; False when there was nothing to do."""
        self.commits.open()
        cursor = self._cursor
        if cursor is None:
            return self._seek()
        try:
            reading = self._read(cursor)
        except DamagedFrame as damaged:
            self._handle_damage(cursor.segment, cursor.offset, str(damaged))
            return True
        if reading is None:
            self.commits.settle()
            ended = cursor.has_ended() or self._has_lost_its_seal(cursor.segment, stop=stop)
            due = ended or stop or self._is_due() or self._has_waited()
            flushed = due and self._flush(cursor, cursor.offset)
            if ended:
                self.commits.settle()
                self._leave()
            return flushed or ended
        if self._limit == 1:
            self._last = reading
        if self._batch.count >= self._limit:
            self._flush(cursor, cursor.offset)
        if reading.stop is not None:
            if self._batch.count or self._batch.covered_until:
                self._flush(cursor, cursor.offset)
            self._record_stop(cursor, reading)
        return True

    def _read(self, cursor: Cursor) -> Reading | None:
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
            self._flush(cursor, quiet_until)
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
        batch, commits = self._batch, self.commits
        if batch.count:
            # The coverage before a batch is sent just before it: events do not wait for that.
            return time.monotonic() - commits.last_events_at >= self._config.batch.wait
        return bool(batch.covered_until) and time.monotonic() - commits.last_at >= _IDLE_COMMIT

    def _has_waited(self) -> bool:
        """Whether the first event of the batch has waited long enough, as after a backlog."""
        waited = time.time_ns() - self._batch.since
        return bool(self._batch.count) and waited >= self._config.batch.wait * 1e9

    def _flush(self, cursor: Cursor, offset: int) -> bool:
        """Commits what has been read up to ``offset``; False when there was nothing new.

        A full batch is under way when this returns, since more is likely to follow.
        """
        batch, segment = self._batch, cursor.segment
        span = self.commits.span(segment, offset)
        if span.until <= span.first:
            return False
        if span.until > self._shown.get(segment.stream, 0):
            self._lines.show(batch)
            self._shown[segment.stream] = span.until
        self.commits.send(segment, offset, batch)
        if batch.count < self._config.batch.events or batch.count == 1:
            self.commits.settle()
        self._batch = Batch()
        self._limit = min(2 * self._limit, self._config.batch.events)
        return True

    def _record_stop(self, cursor: Cursor, reading: Reading) -> None:
        store, segment = self.commits.reach(), cursor.segment
        stop, span = reading.stop, self.commits.span(segment, reading.after)
        if isinstance(stop, Undecodable):
            record_undecodable(store, span, reading.received, stop.reason, stop.message)
        elif stop is not None:
            try:
                store.record_note(span, stop.at, stop.name, stop.detail)
            except psycopg.Error as error:
                if not is_rejected_content(error):
                    raise
                message = bytes(reading.stopper)
                record_undecodable(
                    store, span, reading.received, stop.name, message, describe_error(error)
                )
        self.commits.mark(segment, reading.after)
        cursor.move(reading.after)

    def _handle_fault(self, error: psycopg.Error | DatabaseError) -> None:
        """Splits a batch the server refuses for its content; waits out everything else."""
        words = describe_error(error) if isinstance(error, psycopg.Error) else str(error)
        answering, refused = self.commits.is_answering, self.commits.refused
        if answering and refused and is_rejected_content(error):
            if refused > 1:
                self._limit = max(1, refused // 2)
            else:
                self._leave_out(words)
            self._forget()
            return
        self._forget()
        if answering and is_position_conflict(error) and not self.commits.position_conflict:
            self.commits.position_conflict = True
            return
        if not self._live:
            raise DatabaseError(words) from error
        self.commits.back_off(words)

    def _leave_out(self, words: str) -> None:
        """Sets the one event aside that the server refused in these words."""
        cursor, last = self._cursor, self._last
        if cursor is None or last is None:
            return
        span = self.commits.span(cursor.segment, cursor.offset)
        try:
            record_undecodable(
                self.commits.reach(), span, last.received, "refused", bytes(last.taken), words
            )
        except psycopg.Error as worse:
            self.commits.back_off(describe_error(worse))

    def _forget(self) -> None:
        """Back to the database's position: what is not committed is read again."""
        self._leave()
        self._batch = Batch()
        self.commits.forget()

    def _leave(self) -> None:
        if self._cursor is not None:
            self._cursor.segment.close()
            self._cursor = None

    def _seek(self) -> bool:
        """Finds the segment to read next; records what is missing before it."""
        place = find_place(self._list(), self.commits.find_position, writable=self._live)
        if place is None:
            return False
        if isinstance(place, NotASegment):
            if not self._live:
                raise UsageError(f"{place.path}: {place.reason}")
            aside = move_aside(place.path)
            log_fault(log, "damage", f"{place.path} is set aside as {aside.name}: {place.reason}")
        elif isinstance(place, MissingBytes):
            self.commits.skip(record_missing(self.commits.reach(), place, self._config.mode))
        else:
            self._enter(*place)
        return True

    def _enter(self, segment: Segment, offset: int) -> None:
        try:
            self._cursor = Cursor(segment, offset)
        except DamagedFrame as damaged:
            self._handle_damage(segment, offset, str(damaged))
            segment.close()

    def _handle_damage(self, segment: Segment, at: int, reason: str) -> None:
        """Records the rest of the segment as missing; what came before the damage is stored."""
        cursor, end = self._cursor, segment.end
        if cursor is not None:
            self._flush(cursor, cursor.offset)
            cursor.move(end)
        if self._live:
            preserve_damaged(segment.path)
        store, span = self.commits.reach(), self.commits.span(segment, end)
        is_known = self.commits.find_position(segment.node, segment.stream) is not None
        mode = None if is_known else self._config.mode
        record_damage(store, span, segment, at, reason, mode)
        self.commits.mark(segment, end)
