"""A frame's messages -> rows by layout, up to a note or a message that is no event."""

from __future__ import annotations

import struct
from collections import defaultdict
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any

from ctaudit.conntrack.layout import Layout, Layouts, MalformedMessage
from ctaudit.conntrack.nlmsg import HEADER, align
from ctaudit.spool.note import DRAINED, NAMED, Note, unpack_drained, unpack_note

_CONTROL = range(1, 5)  # NLMSG_NOOP, NLMSG_ERROR, NLMSG_DONE, NLMSG_OVERRUN
_ADDRESSES = {"orig_src", "orig_dst", "reply_src", "reply_dst"}

Row = tuple[Any, ...]


@dataclass
class Batch:
    """Events on their way to one CALL.

    A row is its layout's leaves, bytes as the kernel sent them, followed by the receiver's
    time in nanoseconds. ``since``: that of the first. ``covered_until``: everything sent before
    it was read, nanoseconds, 0 when nothing is said of it.
    """

    rows: defaultdict[Layout, list[Row]] = field(default_factory=lambda: defaultdict(list))
    count: int = 0
    since: int = 0
    covered_until: int = 0


@dataclass(frozen=True)
class Undecodable:
    """A message that is no event, and why."""

    reason: str
    message: bytes


@dataclass(frozen=True)
class DecodeStep:
    """What one reading came to: ``offset`` is after the last message taken.

    What stopped it, if not the end or the limit, lies between ``offset`` and ``after``.
    """

    offset: int
    after: int
    stop: Note | Undecodable | None = None


class Decoder:
    """Reads messages one after the other and remembers their layouts."""

    def __init__(self) -> None:
        self.layouts = Layouts()

    def read(self, body: bytes, offset: int, received: int, batch: Batch, limit: int) -> DecodeStep:
        """Takes at most ``limit`` events of a frame's body, from ``offset`` on."""
        by_head, rows, number = self.layouts.by_head, batch.rows, int.from_bytes
        stamp = (received,)
        end, count = len(body), 0
        stop: Note | Undecodable | None = None
        after = 0
        try:
            while offset < end and count < limit:
                for layout in by_head.get(body[offset : offset + 8], ()):
                    message = body[offset : offset + layout.length]
                    if number(message, "little") & layout.mask == layout.skeleton:
                        break
                else:
                    found, after = self._read_rare(body, offset, batch)
                    if found is None:
                        offset = after
                        continue
                    if not isinstance(found, Layout):
                        stop = found
                        break
                    layout = found
                row = layout.leaves.unpack_from(body, offset) + stamp
                rows[layout].append(row)
                offset += layout.span
                count += 1
        except struct.error:
            stop, after = Undecodable(f"cut off after {end - offset} bytes", body[offset:]), end
        if count and not batch.count:
            batch.since = received
        batch.count += count
        offset = min(offset, end)
        return DecodeStep(offset, after if stop else offset, stop)

    def _read_rare(
        self, body: bytes, offset: int, batch: Batch
    ) -> tuple[Layout | Note | Undecodable | None, int]:
        """What the message is that no layout matched, and the offset after it."""
        rest = body[offset:]
        length, kind = HEADER.unpack_from(rest)[:2] if len(rest) >= HEADER.size else (0, 0)
        if not HEADER.size <= length <= len(rest):
            return Undecodable(f"nlmsg_len says {length} bytes, {len(rest)} are there", rest), len(
                body
            )
        message, after = rest[:length], min(len(body), offset + align(length))
        if kind == DRAINED:
            drained = unpack_drained(message)
            if drained is None:
                return Undecodable("a damaged note", message), after
            batch.covered_until = max(batch.covered_until, drained)
            return None, after
        if kind in NAMED:
            return unpack_note(message) or Undecodable("a damaged note", message), after
        if kind in _CONTROL:
            return None, after
        try:
            return self.layouts.learn(message), after
        except MalformedMessage as malformed:
            return Undecodable(str(malformed), message), after


def decode_text(leaf: bytes) -> str:
    """A zero-terminated name; what is no text that PostgreSQL can hold stands in it as \\x.."""
    text = leaf.rstrip(b"\0").decode("utf-8", "backslashreplace")
    return text.replace("\0", "\\x00")


def describe_row(layout: Layout, row: Row) -> dict[str, Any]:
    """A row as column -> Python value: addresses as objects, times in nanoseconds, the rest int."""
    values: dict[str, Any] = {"kind": layout.kind, "proto": layout.proto, "received_at": row[-1]}
    for column, leaf in zip(layout.columns, row, strict=False):
        if column in _ADDRESSES:
            values[column] = ip_address(leaf)
        elif column == "helper":
            values[column] = decode_text(leaf)
        elif column == "labels":
            values[column] = leaf
        else:
            values[column] = int.from_bytes(leaf, "big")
    return values
