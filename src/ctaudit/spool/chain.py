"""The chain of frames in a segment: the one at an offset, and the one that holds an offset."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from ctaudit.conntrack.nlmsg import HEADER, align
from ctaudit.spool.frame import DamagedFrame, Frame, read_frame
from ctaudit.spool.segment import HEADER_SIZE, Segment


@contextlib.contextmanager
def viewing(segment: Segment) -> Iterator[memoryview]:
    """The published data of a segment."""
    with (
        memoryview(segment.memory) as whole,
        whole[HEADER_SIZE : HEADER_SIZE + segment.end] as data,
    ):
        yield data


def load_frame(segment: Segment, offset: int) -> tuple[Frame, bytes]:
    """The frame whose head is at ``offset``, and its body. Raises DamagedFrame."""
    with viewing(segment) as data:
        frame = read_frame(data, offset, segment.base + offset)
        return frame, bytes(data[frame.start : frame.end])


def find_frame(segment: Segment, offset: int) -> int:
    """The head of the frame that holds ``offset``, ``offset`` itself where one begins there.

    Raises DamagedFrame when the frames before it cannot be walked, or no message begins there.
    """
    with viewing(segment) as data:
        at = 0
        while at < offset:
            frame = read_frame(data, at, segment.base + at)
            if offset < frame.end:
                _check_boundary(data[frame.start : frame.end], offset - frame.start)
                return at
            at = frame.end
    if at != offset:
        raise DamagedFrame(f"no frame begins at {offset}")
    return at


def _check_boundary(body: memoryview, offset: int) -> None:
    """Whether one of the frame's messages begins at ``offset``."""
    at = 0
    while at < offset and at + HEADER.size <= len(body):
        length = HEADER.unpack_from(body, at)[0]
        at += max(align(length), HEADER.size)
    if at != offset:
        raise DamagedFrame(f"no message begins at {offset} of a frame of {len(body)} bytes")
