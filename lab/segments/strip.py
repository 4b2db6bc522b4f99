"""A kept segment as an older kernel would have filled it: without CTA_TIMESTAMP_EVENT.

Kernels before 6.14, those of Debian 12 and 13 among them, do not send the attribute. All else
stays as the kernel here sent it: the messages, their frames' times, the receiver's notes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

from ctaudit.conntrack.layout import NFGEN_SIZE
from ctaudit.conntrack.nlmsg import HEADER, align
from ctaudit.spool.frame import pack_head, read_frame
from ctaudit.spool.segment import HEADER_SIZE, create_segment, opened_segment

CTA_TIMESTAMP_EVENT = 27
CTNETLINK = 1
_ATTRIBUTE = struct.Struct("=HH")
_TYPE_MASK = 0x3FFF


def strip_segment(source: Path, directory: Path) -> tuple[Path, int]:
    """Writes the segment anew into ``directory``; gives its path and the attributes taken out.

    The source must be a stream's first segment: the positions of later ones would move.
    """
    with opened_segment(source, writable=False) as old:
        assert old.base == 0
        data = old.copy_data(0, old.end)
        new = create_segment(directory, old.sequence, old.stream, 0, old.capacity, old.node)
    offset = end = taken = 0
    while offset < len(data):
        frame = read_frame(data, offset, offset)
        messages = [strip_message(m) for m in _split(data[frame.start : frame.end])]
        taken += sum(count for _, count in messages)
        body = b"".join(message for message, _ in messages)
        whole = pack_head(body, end, frame.received, frame.boot) + body
        new.memory[HEADER_SIZE + end : HEADER_SIZE + end + len(whole)] = whole
        offset, end = frame.end, end + len(whole)
    new.publish(end)
    new.seal()
    path = new.path
    new.close()
    return path, taken


def strip_message(message: bytes) -> tuple[bytes, int]:
    """A padded message without the attribute, and how often it stood in it."""
    length, kind, *rest = HEADER.unpack_from(message)
    if kind >> 8 != CTNETLINK:
        return message, 0
    first = HEADER.size + NFGEN_SIZE
    parts, taken, at = [message[HEADER.size : first]], 0, first
    while at < length:
        size, number = _ATTRIBUTE.unpack_from(message, at)
        if number & _TYPE_MASK == CTA_TIMESTAMP_EVENT:
            taken += 1
        else:
            parts.append(message[at : at + align(size)])
        at += align(size)
    body = b"".join(parts)
    return HEADER.pack(HEADER.size + len(body), kind, *rest) + body, taken


def _split(body: bytes) -> Iterator[bytes]:
    """A frame's messages, each with its padding."""
    at = 0
    while at < len(body):
        length = align(HEADER.unpack_from(body, at)[0])
        yield body[at : at + length]
        at += length
