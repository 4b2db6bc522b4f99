"""A frame's messages -> rows by layout, up to a note or an undecodable message."""

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
    """The events of one CALL, rows by layout.

    A row holds the leaves of its layout, as the bytes that the kernel sent, and the time of
    receipt in nanoseconds. ``since``: when the first event was received. ``covered_until``:
    everything that the kernel sent before this time has been read; 0: not known. Times are
    nanoseconds since 1970. ``denied``: how many of ``count`` are not in ``rows``, since filter
    rules exclude them.
    """

    rows: defaultdict[Layout, list[Row]] = field(default_factory=lambda: defaultdict(list))
    count: int = 0
    since: int = 0
    covered_until: int = 0
    denied: int = 0


@dataclass(frozen=True)
class Undecodable:
    """A message that is not an event, and why."""

    reason: str
    message: bytes


@dataclass(frozen=True)
class DecodeStep:
    """What one call of ``Decoder.read`` did with a frame's body; the offsets are the body's.

    ``body[first:offset]`` are the messages of the events taken. ``stop`` is what ended the step,
    None at the limit or at the body's end; its bytes are ``body[offset:after]``.
    """

    body: bytes
    received: int
    first: int
    offset: int
    after: int
    stop: Note | Undecodable | None

    @property
    def taken(self) -> bytes:
        return self.body[self.first : self.offset]

    @property
    def stop_bytes(self) -> bytes:
        return self.body[self.offset : self.after]


class Decoder:
    """Decodes frames one after the other and remembers the layouts of their messages."""

    def __init__(self) -> None:
        self.layouts = Layouts()

    def read(self, body: bytes, first: int, received: int, batch: Batch, limit: int) -> DecodeStep:
        """Adds at most ``limit`` events of ``body``, from offset ``first`` on, to the batch.

        A message's bytes are compared with a layout as one number (decision 0001); a message
        that no layout matches is looked at by ``_read_rare``.
        """
        by_head, rows, number = self.layouts.by_head, batch.rows, int.from_bytes
        stamp = (received,)
        end, count, offset = len(body), 0, first
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
        return DecodeStep(body, received, first, offset, after if stop else offset, stop)

    def _read_rare(
        self, body: bytes, offset: int, batch: Batch
    ) -> tuple[Layout | Note | Undecodable | None, int]:
        """What the message at ``offset`` is, and the offset after it; None: nothing to keep."""
        rest = body[offset:]
        length, kind = HEADER.unpack_from(rest)[:2] if len(rest) >= HEADER.size else (0, 0)
        if not HEADER.size <= length <= len(rest):
            reason = f"nlmsg_len is {length}, {len(rest)} bytes remain"
            return Undecodable(reason, rest), len(body)
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
    """A zero-terminated name; bytes that PostgreSQL's text cannot hold become \\x escapes."""
    text = leaf.rstrip(b"\0").decode("utf-8", "backslashreplace")
    return text.replace("\0", "\\x00")


def describe_row(layout: Layout, row: Row) -> dict[str, Any]:
    """A row as column -> value: addresses as objects, times in nanoseconds, else int."""
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
