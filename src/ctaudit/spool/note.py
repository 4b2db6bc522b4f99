"""Notes: the receiver's control records in the stream, as netlink messages.

Their types are such that no kernel sends. DRAINED says that everything the kernel had sent before
its time has been read; it is frequent, ends a frame and is binary. The named notes are rare, each
alone in its frame, and carry a JSON object whose "at" is their time. Times are nanoseconds since
1970.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from typing import Any

from ctaudit.conntrack.nlmsg import HEADER

DRAINED = 0xCA02
NAMED = {
    0xCA10: "start",
    0xCA11: "resume",
    0xCA12: "stop",
    0xCA13: "overrun",
    0xCA14: "dump begin",
    0xCA15: "dump end",
    0xCA16: "dropped",
    0xCA17: "clock",
    0xCA18: "settings",
    0xCA19: "clashes",
    0xCA1A: "scope",
}
_TYPES = {name: number for number, name in NAMED.items()}
_DRAINED = struct.Struct("=IHHIIQ")


@dataclass(frozen=True)
class Note:
    """A named note; ``at``: nanoseconds since 1970."""

    name: str
    at: int
    detail: dict[str, Any]


def pack_drained(at: int) -> bytes:
    return _DRAINED.pack(_DRAINED.size, DRAINED, 0, 0, 0, at)


def unpack_drained(message: bytes) -> int | None:
    """The time of a DRAINED note, or None if the note is damaged."""
    if len(message) != _DRAINED.size:
        return None
    at: int = _DRAINED.unpack(message)[5]
    return at


def pack_note(note: Note) -> bytes:
    """The note as a message, padded with blanks to netlink's alignment of 4."""
    body = json.dumps({"at": note.at, **note.detail}, separators=(",", ":")).encode()
    body += b" " * (-len(body) % 4)
    return HEADER.pack(HEADER.size + len(body), _TYPES[note.name], 0, 0, 0) + body


def unpack_note(message: bytes) -> Note | None:
    """The named note in ``message``, or None if it is another message or a damaged note."""
    name = NAMED.get(HEADER.unpack_from(message)[1])
    if name is None:
        return None
    try:
        detail = json.loads(message[HEADER.size :])
        at = detail.pop("at")
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError):
        return None
    return Note(name, at, detail) if type(at) is int and 0 <= at < 1 << 63 else None
