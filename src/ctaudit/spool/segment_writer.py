"""Writing one segment: frames and notes, each published as a whole."""

from __future__ import annotations

import logging
import time

from ctaudit.spool.frame import HEAD_SIZE, OPEN_HEAD, pack_head
from ctaudit.spool.note import Note, pack_note
from ctaudit.spool.segment import HEADER_SIZE, ROOM, Segment

log = logging.getLogger(__name__)

_ROOM_FOR_NOTES = 8 << 10  # bytes at a segment's end that events leave to notes


class SegmentWriter:
    """Appends frames to a segment, behind what is published.

    ``view`` is the segment's data, ``offset`` where the next byte goes, ``limit`` the last offset
    at which a datagram still fits. A burst is received between ``open_frame()`` and
    ``close_frame()`` into ``view[offset:]``, while ``offset <= limit``.
    """

    def __init__(self, segment: Segment) -> None:
        self.segment = segment
        self.view = memoryview(segment.memory)[HEADER_SIZE : HEADER_SIZE + segment.capacity]
        self.offset = segment.end
        self.limit = segment.capacity - ROOM - _ROOM_FOR_NOTES
        self._head = self.offset  # offset of the open frame

    @property
    def position(self) -> int:
        """The stream's position of ``offset``."""
        return self.segment.base + self.offset

    def has_room(self) -> bool:
        """Whether an event fits. If not, only notes that end the stream may be written."""
        return self.offset + HEAD_SIZE <= self.limit

    def open_frame(self) -> None:
        self._head = self.offset
        self.append(OPEN_HEAD)

    def append(self, message: bytes) -> None:
        self.view[self.offset : self.offset + len(message)] = message
        self.offset += len(message)

    def close_frame(self) -> int:
        """Stamps and publishes the frame, or undoes an empty one; returns the time, ns."""
        now = time.time_ns()
        body = self._head + HEAD_SIZE
        if self.offset <= body:
            self.offset = self._head
            return now
        boot = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        position = self.segment.base + self._head
        self.view[self._head : body] = pack_head(self.view[body : self.offset], position, now, boot)
        self.segment.publish(self.offset)
        return now

    def close_interrupted_frame(self, end: int) -> None:
        """Publishes the burst that a killed receiver left between ``offset`` and ``end``.

        When it was read is unknown; the time of this call is an upper bound.
        """
        self._head, self.offset = self.offset, end
        self.close_frame()

    def append_note(self, name: str, **detail: object) -> None:
        """Publishes a note in a frame of its own; it may use the room that events leave."""
        note = pack_note(Note(name, time.time_ns(), detail))
        if self.offset + HEAD_SIZE + len(note) > self.segment.capacity:
            log.error("no room for a note in %s: %s %s", self.segment.path, name, detail)
            return
        self.open_frame()
        self.append(note)
        self.close_frame()

    def close(self) -> None:
        self.view.release()
        self.segment.close()
