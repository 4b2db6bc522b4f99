"""The way of an event from the segment to the database: read, batched, sent, committed."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from ctaudit.config import Config
from ctaudit.database.connection import describe_error
from ctaudit.errors import UsageError
from ctaudit.record.batch_policy import BatchPolicy, Due, LastSent, Moment, is_quiet
from ctaudit.record.bisection import Bisection
from ctaudit.record.commits import Commits
from ctaudit.record.in_flight import Committed, Rejected
from ctaudit.record.live_copy import LiveCopy
from ctaudit.record.live_log import EventLines
from ctaudit.record.locate import MissingBytes, NotASegment, Ready, locate
from ctaudit.record.loss import (
    Loss,
    damaged_rest,
    log_loss,
    missing_segments,
    strip_message,
    undecodable,
)
from ctaudit.record.positions import Span
from ctaudit.record.upkeep import mark_committed, open_ready, rename_foreign, unmark_lost
from ctaudit.spool.cursor import Cursor
from ctaudit.spool.decoder import Batch, Decoder, DecodeStep, Undecodable
from ctaudit.spool.filtering import StreamFilter
from ctaudit.spool.frame import DamagedFrame
from ctaudit.spool.note import Note
from ctaudit.spool.order import SealRepair
from ctaudit.spool.privacy import choose_privacy
from ctaudit.spool.segment import preserve_damaged

# Seconds between two looks at what the receiver publishes; each takes about 50 us of CPU.
_LOOK_EVERY = 0.05

ListPaths = Callable[[], Sequence[Path]]
# Called after a batch is committed, when nothing is in flight. Raises psycopg.Error.
Follow = Callable[[Committed], None]


class _ReadAgain(Exception):
    """Ends a turn: what is not committed has been forgotten and is read again."""


class Pipeline:
    """What is read at the cursor goes into the batch, and the batch to the database.

    Whatever lies between the database's position and the cursor is either in flight or in the
    batch. ``replay``: the segments are not changed. ``followers``: see Follow.
    """

    def __init__(
        self,
        config: Config,
        commits: Commits,
        lines: EventLines,
        list_segments: ListPaths,
        *,
        replay: bool,
        followers: Sequence[Follow] = (),
    ) -> None:
        self._followers = followers
        self._mode = config.mode
        self._commits = commits
        self._lines = lines
        self._filter = StreamFilter()
        self._privacy = choose_privacy(config)
        self._list = list_segments
        self._replay = replay
        self._seals = SealRepair(list_segments)
        self._decoder = Decoder()
        self._policy = BatchPolicy(config.batch.events, config.batch.wait)
        self._bisection = Bisection(config.batch.events, config.batch.events)
        self._cursor: Cursor | None = None
        self._last_step: DecodeStep | None = None
        self._batch = Batch()
        self._has_unmarked = False
        self._sent = LastSent(time.monotonic(), time.monotonic())
        is_kept = config.database.live_copy and config.mode == "live" and not replay
        self._live_copy = LiveCopy(commits) if is_kept else None

    def turn(self, *, stop: bool) -> bool:
        """Takes one step; False when there is nothing to do. ``stop``: nothing waits any more.

        Raises DatabaseError, psycopg.Error; ``forget`` comes after that.
        """
        try:
            return self._take_step(stop=stop)
        except _ReadAgain:
            return True

    def _take_step(self, *, stop: bool) -> bool:
        self._commits.connect()
        cursor = self._cursor
        if cursor is None:
            return self._seek()
        try:
            step = self._read(cursor)
        except DamagedFrame as damaged:
            self._record_damage(cursor, str(damaged))
            return True
        if step is None:
            return self._rest(cursor, stop=stop)
        self._last_step = step
        self._flush(cursor, self._due_after_step(note_next=step.stop is not None))
        if step.stop is not None:
            self._record_stop(cursor, step, step.stop)
        return True

    def has_unsent(self) -> bool:
        """Whether something has been read that the database does not have."""
        if self._cursor is None:
            return False
        span = self._commits.span(self._cursor.segment, self._cursor.offset)
        return span.until > span.first

    def sleep(self, longest: float) -> None:
        """Until something is published, or the events that wait are due; seconds at most."""
        now = Moment(time.monotonic(), time.time_ns())
        if self._batch.count:
            left = self._policy.wait_left(self._batch, self._sent, now)
            time.sleep(min(max(left, 0.0), longest))
            return
        cursor, until = self._cursor, now.monotonic + longest
        while (left := until - time.monotonic()) > 0 and (cursor is None or not cursor.has_more()):
            time.sleep(min(_LOOK_EVERY, left))

    def _seek(self) -> bool:
        """Opens the segment to read next, or clears the way to it; False when there is none."""
        located = locate(self._list(), self._commits.find_position)
        if not self._replay:
            mark_committed(located.stored)
            if not self._has_unmarked:
                unmark_lost(self._list(), self._commits.find_position)
                self._has_unmarked = True
        match located.place:
            case None:
                return False
            case Ready() as ready:
                segment = open_ready(ready, writable=not self._replay)
                if segment:
                    self._cursor = Cursor(segment, ready.offset)
                    self._filter.begin(self._commits.find_filter(segment, ready.offset))
            case MissingBytes() as missing:
                loss = missing_segments(missing, self._mode, time.time_ns())
                self._record_loss(missing.span, loss)
            case NotASegment(path, reason) if self._replay:
                raise UsageError(f"{path}: {reason}")
            case NotASegment() as found:
                rename_foreign(found)
        return True

    def _read(self, cursor: Cursor) -> DecodeStep | None:
        """Reads on into the batch; events that follow a quiet time begin a new one."""
        batch = self._batch
        if not is_quiet(batch):
            return cursor.read(self._decoder, batch, self._bisection.limit - batch.count)
        quiet_until, fresh = cursor.offset, Batch()
        step = cursor.read(self._decoder, fresh, self._bisection.limit)
        if fresh.count:
            self._flush(cursor, Due.QUIET, quiet_until)
            self._batch = fresh
        else:
            batch.covered_until = max(batch.covered_until, fresh.covered_until)
        return step

    def _rest(self, cursor: Cursor, *, stop: bool) -> bool:
        """All that is published has been read: sends what has waited, leaves an ended segment."""
        self._settle()
        ended = cursor.has_ended()
        if not (ended or self._replay) and self._seals.restore(cursor.segment, at_once=stop):
            return True
        now = Moment(time.monotonic(), time.time_ns())
        due = self._policy.due_at_rest(self._batch, self._sent, now, ended=ended or stop)
        flushed = self._flush(cursor, due)
        if ended:
            self._leave()
        return flushed or ended

    def _due_after_step(self, *, note_next: bool) -> Due | None:
        return self._policy.due_after_step(self._batch, self._bisection.limit, note_next=note_next)

    def _flush(self, cursor: Cursor, due: Due | None, offset: int | None = None) -> bool:
        """Sends what has been read, up to the cursor or ``offset``; False if it is nothing."""
        if due is None:
            return False
        batch = self._filter.apply(self._batch)
        if self._privacy is not None:
            batch = self._privacy.hide(batch)
        span = self._commits.span(cursor.segment, cursor.offset if offset is None else offset)
        if span.until <= span.first:
            return False
        self._lines.show_once(span, batch)
        call = self._commits.encode(span, batch)
        self._settle()
        self._commits.send(span, call, batch.count, batch.since)
        self._sent = self._sent.after(batch, time.monotonic())
        self._batch = Batch()
        if due is not Due.FULL:
            self._settle()
        return True

    def _settle(self) -> None:
        """Takes the answer to the batch in flight. Raises _ReadAgain if it was rejected."""
        match self._commits.settle():
            case Committed() as committed:
                self._bisection = self._bisection.grow()
                self._mark(committed)
                if self._live_copy is not None:
                    self._live_copy.follow(committed.span)
                for follow in self._followers:
                    follow(committed)
            case Rejected() as rejected:
                self._narrow_down(rejected)
                self.forget()
                raise _ReadAgain

    def _narrow_down(self, rejected: Rejected) -> None:
        """Halves the batch; records a rejected event that was alone in it (decision 0003)."""
        step = self._last_step
        if step is None or not self._bisection.has_found:
            self._bisection = self._bisection.halve(rejected.count)
            return
        words = describe_error(rejected.error)
        self._record_loss(rejected.span, undecodable(step.received, "rejected", step.taken, words))

    def _record_stop(self, cursor: Cursor, step: DecodeStep, stop: Note | Undecodable) -> None:
        """Records the note or the undecodable message at the cursor, and passes it."""
        message = step.stop_bytes
        span = self._commits.span(cursor.segment, cursor.offset + len(message))
        if isinstance(stop, Undecodable):
            self._record_loss(span, undecodable(step.received, stop.reason, message))
        elif rejected := self._record_note(span, stop):
            words = describe_error(rejected.error)
            self._record_loss(span, undecodable(step.received, stop.name, message, words))
        elif stop.name == "start" or (stop.name == "resume" and "filter" in stop.detail):
            self._filter.begin(stop.detail.get("filter"))
        cursor.move(cursor.offset + len(message))

    def _record_damage(self, cursor: Cursor, reason: str) -> None:
        """Records the rest of the segment as missing, and passes it."""
        segment, end = cursor.segment, cursor.segment.end
        self._flush(cursor, self._due_after_step(note_next=True))
        if not self._replay:
            preserve_damaged(segment.path)
        is_known = self._commits.find_position(segment.node, segment.stream) is not None
        mode = None if is_known else self._mode
        loss = damaged_rest(segment, cursor.offset, reason, mode, time.time_ns())
        self._record_loss(self._commits.span(segment, end), loss)
        cursor.move(end)

    def _record_loss(self, span: Span, loss: Loss) -> None:
        if self._privacy is not None and loss.note.name == "undecodable":
            loss = strip_message(loss)
        if rejected := self._record_note(span, loss.note):
            raise rejected.error
        log_loss(loss)

    def _record_note(self, span: Span, note: Note) -> Rejected | None:
        """Commits a note, after the batch in flight."""
        self._settle()
        outcome = self._commits.record_note(span, note)
        if isinstance(outcome, Rejected):
            return outcome
        self._mark(outcome)
        return None

    def _mark(self, committed: Committed) -> None:
        """Marks in the segment what is committed, for the receiver."""
        if self._cursor is not None and not self._replay:
            segment = self._cursor.segment
            segment.commit(committed.span.until - segment.base)

    def forget(self) -> None:
        """Drops what is not committed: it is read again from the database's position."""
        self._leave()
        self._batch = Batch()
        self._commits.forget()
        self._has_unmarked = False

    def _leave(self) -> None:
        if self._cursor is not None:
            self._cursor.segment.close()
            self._cursor = None
