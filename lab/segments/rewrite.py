"""A kept segment with some of its messages rewritten in place; frames and notes stay whole."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from ctaudit.conntrack.nlmsg import HEADER, align
from ctaudit.spool.frame import pack_head, read_frame
from ctaudit.spool.segment import HEADER_SIZE, opened_segment

CTNETLINK = 1
DESTROY = 2  # IPCTNL_MSG_CT_DELETE
CTA_TIMESTAMP, CTA_TIMESTAMP_START, CTA_TIMESTAMP_STOP = 20, 1, 2
_FIRST = HEADER.size + 4  # behind struct nfgenmsg
_TYPE_MASK = 0x3FFF

Change = Callable[[bytearray], bool]


def rewrite_segment(source: Path, directory: Path, change: Change) -> tuple[Path, int]:
    """Writes a copy into ``directory``; its path, and how many messages were changed.

    ``change`` gets each message of the kernel and alters it, length excepted, or returns False.
    """
    path = directory / source.name
    shutil.copy(source, path)
    changed = 0
    with opened_segment(path) as segment:
        data = bytearray(segment.copy_data(0, segment.end))
        at = 0
        while at < len(data):
            frame = read_frame(memoryview(data), at, segment.base + at)
            for begin, end in _messages(data, frame.start, frame.end):
                message = data[begin:end]
                if HEADER.unpack_from(message)[1] >> 8 == CTNETLINK and change(message):
                    data[begin:end] = message
                    changed += 1
            body = bytes(data[frame.start : frame.end])
            position = segment.base + at
            data[at : frame.start] = pack_head(body, position, frame.received, frame.boot)
            at = frame.end
        segment.memory[HEADER_SIZE : HEADER_SIZE + len(data)] = bytes(data)
        segment.commit(0)
    return path, changed


def _messages(data: bytearray, at: int, end: int) -> Iterator[tuple[int, int]]:
    while at < end:
        length = HEADER.unpack_from(data, at)[0]
        yield at, at + length
        at += align(length)


def stop_before_start(seconds: int) -> Change:
    """The kernel's stop of each DESTROY: so many seconds before its start."""

    def change(message: bytearray) -> bool:
        if HEADER.unpack_from(message)[1] & 0xFF != DESTROY:
            return False
        inner, end = _find(message, _FIRST, len(message), CTA_TIMESTAMP)
        start, _ = _find(message, inner, end, CTA_TIMESTAMP_START)
        stop, _ = _find(message, inner, end, CTA_TIMESTAMP_STOP)
        began = int.from_bytes(message[start : start + 8], "big")
        message[stop : stop + 8] = (began - seconds * 10**9).to_bytes(8, "big")
        return True

    return change


def _find(message: bytearray, at: int, end: int, wanted: int) -> tuple[int, int]:
    """Where an attribute's payload begins and ends."""
    while at < end:
        size = int.from_bytes(message[at : at + 2], "little")
        kind = int.from_bytes(message[at + 2 : at + 4], "little") & _TYPE_MASK
        if kind == wanted:
            return at + 4, at + size
        at += align(size)
    raise AssertionError(f"no attribute {wanted}")
