"""Frames: the messages of one burst, with the time of receipt and a checksum.

A frame is a head and a body. The head has the form of a netlink message, of a type that no kernel
sends; the body is the messages that one burst brought. The time is taken after the burst: it is
an upper bound of when each message was read. The checksum also covers the position in the
stream, so that bytes of another place are not taken for events.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

_TYPE = 0xCA01
HEAD_FIELDS = (
    ("nlmsg_len", "I"),  # HEAD_SIZE: of the head alone
    ("nlmsg_type", "H"),  # 0xCA01
    ("nlmsg_flags", "H"),  # 0
    ("nlmsg_seq", "I"),  # 0
    ("nlmsg_pid", "I"),  # 0
    ("received", "Q"),  # CLOCK_REALTIME after the burst, nanoseconds
    ("boot", "Q"),  # CLOCK_BOOTTIME then
    ("size", "I"),  # bytes of the body
    ("checksum", "I"),  # CRC-32 of position, received, boot and size (_CHECKED), then the body
)
_HEAD = struct.Struct("=" + "".join(code for _, code in HEAD_FIELDS))
_CHECKED = struct.Struct("=QQQI")
HEAD_SIZE = _HEAD.size
# The head while its burst is being read, and what a kill leaves of it.
OPEN_HEAD = _HEAD.pack(HEAD_SIZE, _TYPE, 0, 0, 0, 0, 0, 0, 0)
_SIGNATURE = OPEN_HEAD[:16]


class DamagedFrame(ValueError):
    """Why the stream cannot be read from here on."""


@dataclass(frozen=True)
class Frame:
    """A frame whose body is ``data[start:end]``.

    ``received``: CLOCK_REALTIME after its last message was read; ``boot``: CLOCK_BOOTTIME then.
    Both in nanoseconds.
    """

    start: int
    end: int
    received: int
    boot: int


def pack_head(body: memoryview | bytes, position: int, received: int, boot: int) -> bytes:
    """The head of the frame with this body; ``position``: of the head in the stream."""
    crc = _sum(body, position, received, boot)
    return _HEAD.pack(HEAD_SIZE, _TYPE, 0, 0, 0, received, boot, len(body), crc)


def read_frame(data: bytes | memoryview, offset: int, position: int) -> Frame:
    """The frame whose head is at ``offset`` of ``data`` and at ``position`` of the stream.

    Raises DamagedFrame if there is no head, the body is cut off, or the checksum is wrong.
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
