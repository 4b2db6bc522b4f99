"""The spool as the receiver sees it: the segment being written, those before it, and its bound.

A stream goes on over segments and over receivers: a new receiver with the same socket
continues where the last one was killed. What does not fit is counted in the header of the
last segment, where the next receiver finds it too.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID, uuid4

from ctaudit.config import Config, format_size
from ctaudit.errors import DiskError, PrivilegeError, UsageError
from ctaudit.frame import HEAD_SIZE, OPEN_HEAD, pack_head
from ctaudit.note import Note, pack_note
from ctaudit.segment import (
    HEADER_SIZE,
    ROOM,
    DamagedSegment,
    Segment,
    create_segment,
    list_segments,
    open_segment,
    opening_segment,
    recover_end,
)

log = logging.getLogger(__name__)

# Kept free at a segment's end for notes: every event stops short of it.
_NOTES_ROOM = 8 << 10


@contextlib.contextmanager
def claiming_spool(directory: Path, who: str) -> Iterator[None]:
    """Holds the spool for one ``who`` ("receiver" or "recorder") at a time."""
    try:
        directory.mkdir(mode=0o2770, parents=True, exist_ok=True)
        lock = os.open(directory / f"{who}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o660)
    except PermissionError:
        raise PrivilegeError(f"{directory}: the {who} may not write there") from None
    except OSError as error:
        raise DiskError(f"{directory}: cannot be used as spool: {error.strerror}") from None
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(
                f"{directory}: another {who} is at work on this spool; stop it first"
            ) from None
        yield
    finally:
        os.close(lock)


class SpoolWriter:
    """Appends frames to the current segment.

    ``view`` is its data, ``offset`` where the next byte goes. Whoever receives calls
    ``open_frame``, writes into ``view[offset:]`` up to ``limit``, moves ``offset``, and calls
    ``close_frame``; only then does a reader see it.
    """

    def __init__(self, config: Config) -> None:
        self._spool = config.spool
        self._node = config.node
        self._directory = config.spool.directory
        self.segment: Segment
        self.view: memoryview
        self.offset = 0
        self.limit = 0
        self._frame = 0

    @property
    def position(self) -> int:
        """The stream's position of ``offset``."""
        return self.segment.base + self.offset

    def begin_stream(self) -> None:
        """Starts a new stream in a new segment. Raises DiskError."""
        if self.continue_stream():
            # Its socket is gone with the earlier receiver: no more will come.
            self.segment.seal()
            self._leave()
        existing = list_segments(self._directory)
        sequence = existing[-1][0] + 1 if existing else 1
        self._enter(self._create(sequence, uuid4(), 0))

    def continue_stream(self) -> bool:
        """Goes on after the last receiver's last byte; False without a stream to go on with."""
        existing = list_segments(self._directory)
        if not existing:
            return False
        try:
            segment = open_segment(existing[-1][1])
        except DamagedSegment:
            return False
        if segment.sealed:
            segment.close()
            return False
        end = recover_end(segment)
        self._enter(segment)
        if end > self.offset:
            # The burst that the crash cut off had been read by now; nothing better is known.
            self._frame, self.offset = self.offset, end
            self.close_frame()
        return True

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
        """Publishes a note in a frame of its own."""
        self.open_frame()
        self.append(pack_note(Note(name, time.time_ns(), detail)))
        self.close_frame()

    def has_room(self) -> bool:
        return self.offset <= self.limit

    def roll(self) -> bool:
        """Seals the segment and begins the next one; False if the bound or the disk forbids it."""
        full = self.segment
        self.prune()
        if self._used() + HEADER_SIZE + self._spool.segment_bytes > self._spool.max_bytes:
            return False
        try:
            segment = self._create(full.sequence + 1, full.stream, full.base + self.offset)
        except DiskError as error:
            log.error("%s", error)
            return False
        full.publish(self.offset)
        full.seal()
        self._leave()
        self._enter(segment)
        return True

    def prune(self) -> None:
        """Deletes committed segments: past spool.keep or spool.keep_bytes, or in the way."""
        now = time.time_ns()
        kept = 0
        used = self._used() + HEADER_SIZE + self._spool.segment_bytes
        for _, path in reversed(list_segments(self._directory)):
            if path == self.segment.path:
                continue
            try:
                with opening_segment(path, writable=False) as segment:
                    committed = segment.sealed and segment.committed >= segment.end
                    age = (now - segment.sealed) / 1e9
                    size = HEADER_SIZE + segment.capacity
            except (DamagedSegment, OSError):
                continue
            if not committed:
                continue
            kept += size
            if (
                age > self._spool.keep
                or kept > self._spool.keep_bytes
                or used > self._spool.max_bytes
            ):
                with contextlib.suppress(OSError):
                    path.unlink()
                    used -= size

    def close(self) -> None:
        self._leave()

    def _create(self, sequence: int, stream: UUID, base: int) -> Segment:
        return create_segment(
            self._directory, sequence, stream, base, self._spool.segment_bytes, self._node
        )

    def _enter(self, segment: Segment) -> None:
        self.segment = segment
        self.view = memoryview(segment.memory)[HEADER_SIZE : HEADER_SIZE + segment.capacity]
        self.offset = segment.end
        self.limit = segment.capacity - ROOM - _NOTES_ROOM

    def _leave(self) -> None:
        self.view.release()
        self.segment.close()

    def _used(self) -> int:
        total = 0
        for _, path in list_segments(self._directory):
            with contextlib.suppress(OSError):
                total += path.stat().st_size
        return total


def describe_bound(config: Config) -> str:
    return f"spool.max_bytes = {format_size(config.spool.max_bytes)} in {config.spool.directory}"
