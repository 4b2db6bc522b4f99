"""Frames: how a burst of messages lies in the stream, with its time and its checksum.

A frame is a head, itself shaped as a netlink message that no kernel sends, and the messages
that one burst brought. Its time is taken after the burst: each message in it had been read by
then. Its checksum covers its place in the stream too, so that nothing torn, flipped or left
over from elsewhere is taken for an event.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

_TYPE = 0xCA01
_HEAD = struct.Struct("=IHHIIQQII")
_CHECKED = struct.Struct("=QQQI")
HEAD_SIZE = _HEAD.size
# A head whose burst is still being read; what a crash leaves and recovery completes.
OPEN_HEAD = _HEAD.pack(HEAD_SIZE, _TYPE, 0, 0, 0, 0, 0, 0, 0)
_SIGNATURE = OPEN_HEAD[:16]


class DamagedFrame(ValueError):
    """Why the stream cannot be read on from here."""


@dataclass(frozen=True)
class Frame:
    """A frame's body lies in ``data[start:end]``. Times in nanoseconds.

    ``received``: CLOCK_REALTIME when the last of it had been read; ``boot``: CLOCK_BOOTTIME then.
    """

    start: int
    end: int
    received: int
    boot: int


def pack_head(body: memoryview | bytes, position: int, received: int, boot: int) -> bytes:
    """The head of a frame whose body is ``body``; ``position`` is the head's, in the stream."""
    crc = _sum(body, position, received, boot)
    return _HEAD.pack(HEAD_SIZE, _TYPE, 0, 0, 0, received, boot, len(body), crc)


def read_frame(data: bytes | memoryview, offset: int, position: int) -> Frame:
    """The frame at ``offset`` of ``data``, which is ``position`` of the stream.

    Raises DamagedFrame when it is none, is cut off, or its checksum is wrong.
    """
    if len(data) - offset < HEAD_SIZE or data[offset : offset + 16] != _SIGNATURE:
        raise DamagedFrame("no frame begins here")
    received, boot, size, crc = _HEAD.unpack_from(data, offset)[5:]
    start = offset + HEAD_SIZE
    if size > len(data) - start:
        raise DamagedFrame(f"a frame of {size} bytes is cut off after {len(data) - start}")
    if crc != _sum(data[start : start + size], position, received, boot):
        raise DamagedFrame(f"a frame of {size} bytes has a wrong checksum")
    return Frame(start, start + size, received, boot)


def _sum(body: memoryview | bytes, position: int, received: int, boot: int) -> int:
    return zlib.crc32(body, zlib.crc32(_CHECKED.pack(position, received, boot, len(body))))
