"""The frames of a segment, one after the other: loading one, and finding the one at an offset."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from ctaudit.conntrack.nlmsg import HEADER, align
from ctaudit.spool.frame import DamagedFrame, Frame, read_frame
from ctaudit.spool.segment import HEADER_SIZE, Segment


@contextlib.contextmanager
def viewing(segment: Segment) -> Iterator[memoryview]:
    """A view of the segment's published data."""
    with (
        memoryview(segment.memory) as whole,
        whole[HEADER_SIZE : HEADER_SIZE + segment.end] as data,
    ):
        yield data


def load_frame(segment: Segment, offset: int) -> tuple[Frame, bytes]:
    """The frame that begins at ``offset``, and its body. Raises DamagedFrame."""
    with viewing(segment) as data:
        frame = read_frame(data, offset, segment.base + offset)
        return frame, bytes(data[frame.start : frame.end])


def find_frame(segment: Segment, offset: int) -> int:
    """Where the frame that holds ``offset`` begins: ``offset`` itself if one begins there.

    Raises DamagedFrame if a frame before it is damaged, or no frame and no message begins there.
    """
    with viewing(segment) as data:
        at = 0
        while at < offset:
            frame = read_frame(data, at, segment.base + at)
            if offset < frame.end:
                with data[frame.start : frame.end] as body:
                    _check_boundary(body, offset - frame.start)
                return at
            at = frame.end
    if at != offset:
        raise DamagedFrame(f"no frame begins at {offset}")
    return at


def _check_boundary(body: memoryview, offset: int) -> None:
    """Raises DamagedFrame unless one of the frame's messages begins at ``offset``."""
    at = 0
    while at < offset and at + HEADER.size <= len(body):
        length = HEADER.unpack_from(body, at)[0]
        at += max(align(length), HEADER.size)
    if at != offset:
        raise DamagedFrame(f"no message begins at {offset} of a frame of {len(body)} bytes")
