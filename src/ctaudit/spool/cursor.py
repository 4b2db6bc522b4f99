"""Reading one segment: frame by frame, as far as it has been published."""

from __future__ import annotations

from dataclasses import dataclass

from ctaudit.spool.chain import find_frame, load_frame
from ctaudit.spool.decoder import Batch, Decoder, Undecodable
from ctaudit.spool.frame import Frame
from ctaudit.spool.note import Note
from ctaudit.spool.segment import Segment


@dataclass(frozen=True)
class Reading:
    """What one step brought besides the events that went into the batch.

    ``taken``: the messages of those events; ``stop``: what ended the step, its bytes are
    ``stopper`` and it was received at ``received`` (nanoseconds); ``after``: the segment's
    offset behind it.
    """

    taken: memoryview
    stop: Note | Undecodable | None
    stopper: memoryview
    received: int
    after: int


class Cursor:
    """``offset`` is behind what has been read. Raises DamagedFrame where the chain is broken."""

    def __init__(self, segment: Segment, offset: int) -> None:
        head = find_frame(segment, offset)
        self.segment = segment
        self.offset = offset
        self._frame: tuple[Frame, bytes] | None = None
        if head != offset:
            self._frame = load_frame(segment, head)

    def read(self, decoder: Decoder, batch: Batch, limit: int) -> Reading | None:
        """At most ``limit`` events, of one frame; None where nothing more has been published."""
        if self._frame is None:
            if self.offset >= self.segment.end:
                return None
            self._frame = load_frame(self.segment, self.offset)
            self.offset = self._frame[0].start
        frame, body = self._frame
        first = self.offset - frame.start
        stretch = decoder.read(body, first, frame.received, batch, limit)
        view = memoryview(body)
        reading = Reading(
            taken=view[first : stretch.offset],
            stop=stretch.stop,
            stopper=view[stretch.offset : stretch.after],
            received=frame.received,
            after=frame.start + stretch.after,
        )
        self.move(frame.start + stretch.offset)
        return reading

    def move(self, offset: int) -> None:
        """Goes on at ``offset``, in the frame being read or at its end."""
        self.offset = offset
        if self._frame is not None and offset >= self._frame[0].end:
            self._frame = None

    def has_ended(self) -> bool:
        """Whether everything has been read and nothing more will come."""
        # The seal is read first: what was published before it is then seen, too.
        return bool(self.segment.sealed) and self.offset >= self.segment.end
