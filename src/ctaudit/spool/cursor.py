"""Reading one segment, frame by frame, as far as it has been published."""

from __future__ import annotations

from ctaudit.spool.chain import find_frame, load_frame
from ctaudit.spool.decoder import Batch, Decoder, DecodeStep
from ctaudit.spool.frame import Frame
from ctaudit.spool.segment import Segment


class Cursor:
    """``offset``: the end of what has been read, in bytes of the segment's data."""

    def __init__(self, segment: Segment, offset: int) -> None:
        self.segment = segment
        self.offset = offset
        self._frame: Frame | None = None
        self._body = b""
        # Only the offset that the database gave may lie within a frame that is not loaded.
        self._is_at_head = False

    def read(self, decoder: Decoder, batch: Batch, limit: int) -> DecodeStep | None:
        """Adds at most ``limit`` events of one frame to the batch; None: no more is published.

        Raises DamagedFrame where the frames cannot be followed.
        """
        frame = self._frame
        if frame is None:
            if self.offset >= self.segment.end:
                return None
            frame = self._load()
        step = decoder.read(self._body, self.offset - frame.start, frame.received, batch, limit)
        self.move(frame.start + step.offset)
        return step

    def move(self, offset: int) -> None:
        """Reads on from ``offset``: within the loaded frame, or where another frame begins."""
        self.offset = offset
        if self._frame is None or offset >= self._frame.end:
            self._frame = None
            self._is_at_head = True

    def has_more(self) -> bool:
        """Whether more is published than has been read, or the segment is complete."""
        return self.offset < self.segment.end or bool(self.segment.sealed)

    def has_ended(self) -> bool:
        """Whether the segment is complete and has been read to its end."""
        # The seal is read before the end: what was published before the seal is then seen, too.
        return bool(self.segment.sealed) and self.offset >= self.segment.end

    def _load(self) -> Frame:
        head = self.offset if self._is_at_head else find_frame(self.segment, self.offset)
        frame, self._body = load_frame(self.segment, head)
        self._frame = frame
        self.offset = max(self.offset, frame.start)
        return frame
