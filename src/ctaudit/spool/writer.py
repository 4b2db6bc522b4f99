"""The spool as the receiver sees it: the segment being written, those before it, and its bound.

A stream goes on over segments and over receivers: a new receiver with the same socket
continues where the last one was killed. What does not fit is counted in the header of the
last segment, where the next receiver finds it too.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Callable
from uuid import UUID, uuid4

from ctaudit.config import Config, format_size
from ctaudit.errors import DiskError
from ctaudit.host.log import log_fault
from ctaudit.spool.chain import load_frame
from ctaudit.spool.frame import HEAD_SIZE, OPEN_HEAD, pack_head
from ctaudit.spool.note import Note, pack_note, unpack_note
from ctaudit.spool.retention import drop_oldest, has_room_for_segment, prune_segments
from ctaudit.spool.segment import (
    HEADER_SIZE,
    ROOM,
    DamagedSegment,
    Segment,
    create_segment,
    list_segments,
    move_aside,
    open_segment,
    opened_segment,
    recover_end,
)

log = logging.getLogger(__name__)

# Kept free at a segment's end for notes: every event stops short of it.
_NOTES_ROOM = 8 << 10
_TRY_EVERY = 0.05  # seconds between two tries to begin a segment where there is no room


class SpoolWriter:
    """Appends frames to the current segment.

    ``view`` is its data, ``offset`` where the next byte goes. Whoever receives calls
    ``open_frame``, writes into ``view[offset:]`` up to ``limit``, moves ``offset``, and calls
    ``close_frame``; only then does a reader see it.
    """

    def __init__(self, config: Config) -> None:
        self._spool = config.spool
        self._node = config.node
        self.segment: Segment
        self.view: memoryview
        self.offset = 0
        self.limit = 0
        self._frame = 0
        self._next_try = 0.0
        self._is_lacking = False

    @property
    def position(self) -> int:
        """The stream's position of ``offset``."""
        return self.segment.base + self.offset

    def begin_stream(self) -> None:
        """Starts a new stream in a new segment. Raises DiskError."""
        if self.continue_stream():
            # Its socket is gone with the earlier receiver: no more will come.
            self.end_stream()
        existing = list_segments(self._spool.directory)
        sequence = existing[-1][0] + 1 if existing else 1
        self._enter(self._create(sequence, uuid4(), 0))
        self._sync_directory()

    def continue_stream(self) -> bool:
        """Goes on after the last receiver's last byte; False without a stream to go on with."""
        segment = self._open_last()
        if segment is None:
            return False
        if segment.sealed:
            segment.close()
            return False
        end = recover_end(segment)
        segment.settle_dropped()
        self._enter(segment)
        if end > self.offset:
            # The burst that the crash cut off had been read by now; nothing better is known.
            self._frame, self.offset = self.offset, end
            self.close_frame()
        if self.offset == 0:
            self._finish_roll(segment)
        return True

    def end_stream(self) -> None:
        """Seals the segment: its stream is complete."""
        if not self._has_dropped_note():
            self._note_dropped(self.segment)
        self.append_note("stop")
        self.segment.seal()
        if self._spool.sync:
            self.segment.sync()
        self.close()

    def open_frame(self) -> None:
        self._frame = self.offset
        self.append(OPEN_HEAD)

    def close_frame(self) -> int:
        """Stamps and publishes the frame, or drops it when it is empty; returns the time, ns."""
        now = time.time_ns()
        body = self._frame + HEAD_SIZE
        if self.offset <= body:
            self.offset = self._frame
            return now
        boot = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        position = self.segment.base + self._frame
        self.view[self._frame : body] = pack_head(
            self.view[body : self.offset], position, now, boot
        )
        self.segment.publish(self.offset)
        return now

    def append(self, message: bytes) -> None:
        self.view[self.offset : self.offset + len(message)] = message
        self.offset += len(message)

    def append_note(self, name: str, **detail: object) -> None:
        """Publishes a note in a frame of its own, in the room that events leave."""
        note = pack_note(Note(name, time.time_ns(), detail))
        if self.offset + HEAD_SIZE + len(note) > self.segment.capacity:
            log.error("no room for a note in %s: %s %s", self.segment.path, name, detail)
            return
        self.open_frame()
        self.append(note)
        self.close_frame()

    def has_room(self) -> bool:
        """Whether events find room. Without it only what ends a stream may be noted."""
        return self.offset + HEAD_SIZE <= self.limit

    def roll(self) -> bool:
        """Seals the segment and begins the next one; False if the bound or the disk forbids it."""
        now = time.monotonic()
        if now < self._next_try:
            return False
        self._next_try = now + _TRY_EVERY
        full = self.segment
        prune_segments(self._spool, full.path)
        if not has_room_for_segment(self._spool):
            return self._lack_room(
                f"spool.max_bytes = {format_size(self._spool.max_bytes)} is reached in "
                f"{self._spool.directory}; the database must take what is there, or raise it"
            )
        try:
            segment = self._follow(full)
        except DiskError as error:
            return self._lack_room(str(error))
        segment.set_kernel_drops(full.kernel_drops)
        segment.set_dumped(0 if self.dropping else full.dumped)
        self.view.release()
        self._enter(segment)
        full.seal()
        self._note_dropped(full)
        if self._spool.sync:
            full.sync()
            self._sync_directory()
        full.close()
        self._next_try = 0.0
        self._is_lacking = False
        return True

    def drop(self, receive: Callable[[memoryview], int]) -> None:
        """Receives one event that finds no room and counts it, as soon as it has been taken.

        The next segment's coming makes a note of them all.
        """
        if not self.segment.dropped[0]:
            self.segment.begin_dropping(time.time_ns(), self.offset)
        receive(self.segment.next_dropped())
        self.segment.count_dropped()

    @property
    def dropping(self) -> bool:
        return self.segment.dropped[0] > 0

    def prune(self) -> None:
        prune_segments(self._spool, self.segment.path)

    def close(self) -> None:
        self.view.release()
        self.segment.close()

    def _sync_directory(self) -> None:
        """With spool.sync a new segment's name survives a loss of power as its data do."""
        if self._spool.sync:
            directory = os.open(self._spool.directory, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fsync(directory)
            finally:
                os.close(directory)

    def _lack_room(self, sentence: str) -> bool:
        if not self._is_lacking:
            self._is_lacking = True
            log_fault(log, "spool full", f"events are counted and dropped: {sentence}")
        return False

    def _note_dropped(self, segment: Segment) -> None:
        count, since, _ = segment.dropped
        if count:
            self.append_note("dropped", count=count, **{"from": since, "until": time.time_ns()})

    def _has_dropped_note(self) -> bool:
        """Whether the note of the dropped events stands in the segment that counts them."""
        count, _, at = self.segment.dropped
        while count and at < self.offset:
            frame, body = load_frame(self.segment, at)
            note = unpack_note(body)
            if note is not None and note.name == "dropped":
                return True
            at = frame.end
        return False

    def _open_last(self) -> Segment | None:
        """The newest segment. What only bears the name of one is set aside on the way there.

        Those before it have been sealed long ago, unless a loss of power undid that.
        """
        last: Segment | None = None
        for _, path in list_segments(self._spool.directory):
            try:
                segment = open_segment(path)
            except DamagedSegment as damaged:
                aside = move_aside(path)
                log_fault(log, "damage", f"{path} is set aside as {aside.name}: {damaged}")
                continue
            except FileNotFoundError:
                continue
            if last is not None:
                if not last.sealed and segment.end:
                    last.seal()
                last.close()
            last = segment
        return last

    def _finish_roll(self, segment: Segment) -> None:
        """What a crash between two segments left undone: nothing stands in ``segment`` yet."""
        for sequence, path in list_segments(self._spool.directory):
            if sequence == segment.sequence - 1:
                with contextlib.suppress(DamagedSegment), opened_segment(path) as earlier:
                    if earlier.stream == segment.stream:
                        segment.set_kernel_drops(earlier.kernel_drops)
                        segment.set_dumped(0 if earlier.dropped[0] else earlier.dumped)
                        earlier.settle_dropped()
                        self._note_dropped(earlier)
                        if not earlier.sealed:
                            earlier.seal()

    def _follow(self, full: Segment) -> Segment:
        """The next segment, at the cost of committed ones where the disk is full."""
        while True:
            try:
                return self._create(full.sequence + 1, full.stream, full.base + self.offset)
            except DiskError:
                if not drop_oldest(self._spool, full.path):
                    raise

    def _create(self, sequence: int, stream: UUID, base: int) -> Segment:
        return create_segment(
            self._spool.directory, sequence, stream, base, self._spool.segment_bytes, self._node
        )

    def _enter(self, segment: Segment) -> None:
        self.segment = segment
        self.view = memoryview(segment.memory)[HEADER_SIZE : HEADER_SIZE + segment.capacity]
        self.offset = segment.end
        self.limit = segment.capacity - ROOM - _NOTES_ROOM
