"""Layouts: how a ctnetlink message is decoded.

The kernel writes the same attribute headers for every connection of the same kind. ``learn``
walks the first message of a kind, attribute by attribute, and returns a Layout: a mask over
all header bytes, the value that they must have (the skeleton), and one struct that extracts the
leaves, which are the attributes' payloads. A later message has this layout only if all its
header bytes are equal; otherwise it is walked as well and gives a new layout. So every message
is decoded by the same rules.

Leaves remain as the kernel sent them, in network byte order, which PostgreSQL uses, too.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from ctaudit.conntrack.event import Kind
from ctaudit.conntrack.nlmsg import HEADER, align

NFGEN_SIZE = 4  # struct nfgenmsg, linux/netfilter/nfnetlink.h
_ATTRIBUTE = struct.Struct("=HH")  # struct nlattr: length, type
_TYPE_MASK = 0x3FFF  # NLA_TYPE_MASK: without NLA_F_NESTED and NLA_F_NET_BYTEORDER

_SUBSYSTEM_CTNETLINK = 1
_MESSAGE_NEW, _MESSAGE_DELETE = 0, 2
_FLAG_MULTI, _FLAGS_CREATE = 0x2, 0x400

_MAX_LAYOUTS = 1024

Path = tuple[int, ...]


class MalformedMessage(ValueError):
    """Why a message is not an event."""


@dataclass(frozen=True)
class Leaf:
    """The column for an attribute's payload, and the sizes in bytes that the kernel sends."""

    column: str
    sizes: tuple[int, ...]


def _name_tuple_leaves(side: str, attribute: int) -> dict[Path, Leaf]:
    # An ICMP query id counts as the client's port: source in orig, destination in reply (0004).
    query = f"{side}_sport" if side == "orig" else f"{side}_dport"
    leaves = {
        (1, 1): (f"{side}_src", 4),
        (1, 2): (f"{side}_dst", 4),
        (1, 3): (f"{side}_src", 16),
        (1, 4): (f"{side}_dst", 16),
        (2, 1): (f"{side}_proto", 1),
        (2, 2): (f"{side}_sport", 2),
        (2, 3): (f"{side}_dport", 2),
        (2, 4): (query, 2),
        (2, 5): (f"{side}_icmp_type", 1),
        (2, 6): (f"{side}_icmp_code", 1),
        (2, 7): (query, 2),
        (2, 8): (f"{side}_icmp_type", 1),
        (2, 9): (f"{side}_icmp_code", 1),
        (3,): (f"{side}_zone", 2),
    }
    return {(attribute, *path): Leaf(name, (size,)) for path, (name, size) in leaves.items()}


_TEXT_SIZES = tuple(range(1, 65))
_LABEL_SIZES = tuple(range(1, 129))

# enum ctattr_type and those below it, linux/netfilter/nfnetlink_conntrack.h
LEAVES: dict[Path, Leaf] = {
    **_name_tuple_leaves("orig", 1),
    **_name_tuple_leaves("reply", 2),
    (3,): Leaf("status", (4,)),
    (4, 1, 1): Leaf("state", (1,)),
    (4, 2, 1): Leaf("state", (1,)),
    (4, 3, 1): Leaf("state", (1,)),
    (5, 1): Leaf("helper", _TEXT_SIZES),
    (8,): Leaf("mark", (4,)),
    (9, 1): Leaf("orig_packets", (8,)),
    (9, 2): Leaf("orig_bytes", (8,)),
    (10, 1): Leaf("reply_packets", (8,)),
    (10, 2): Leaf("reply_bytes", (8,)),
    (12,): Leaf("ct_id", (4,)),
    (18,): Leaf("zone", (2,)),
    (20, 1): Leaf("start_sent", (8,)),
    (20, 2): Leaf("stop_sent", (8,)),
    (22,): Leaf("labels", _LABEL_SIZES),
    (27,): Leaf("event_at", (8,)),
}
_NESTS = {path[:depth] for path in LEAVES for depth in range(1, len(path))}
# Constant in a layout: compared with the skeleton, not extracted.
_PROTOCOLS = ("orig_proto", "reply_proto")
# Unsigned in the kernel, signed in PostgreSQL: a value with the highest bit set is rejected.
_SIGNED = {
    "status", "orig_packets", "orig_bytes", "reply_packets", "reply_bytes",
    "start_sent", "stop_sent", "event_at",
}  # fmt: skip
_REQUIRED = ("orig_src", "orig_dst", "reply_src", "reply_dst", "ct_id")


@dataclass(frozen=True, eq=False)
class Layout:
    """One kind of message. ``columns`` and ``sizes`` are of the leaves that ``leaves`` extracts.

    A message has this layout if its ``length`` bytes, as a little-endian number, give
    ``skeleton`` under ``mask``. ``span``: the length with padding.
    """

    kind: Kind
    proto: int
    length: int
    mask: int
    skeleton: int
    leaves: struct.Struct
    columns: tuple[str, ...]
    sizes: tuple[int, ...]
    span: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "span", align(self.length))


class Layouts:
    """The layouts learned so far, by the first 8 bytes of a message: length, type and flags."""

    def __init__(self) -> None:
        self.by_head: dict[bytes, list[Layout]] = {}
        self._count = 0

    def learn(self, message: bytes) -> Layout:
        """The layout of ``message``, remembered for the next of its kind.

        Raises MalformedMessage. At _MAX_LAYOUTS all are forgotten, so that memory is bounded.
        """
        layout = learn(message)
        if self._count >= _MAX_LAYOUTS:
            self.by_head.clear()
            self._count = 0
        self.by_head.setdefault(message[:8], []).append(layout)
        self._count += 1
        return layout


def learn(message: bytes) -> Layout:
    """Walks a whole message; its length must be its nlmsg_len. Raises MalformedMessage."""
    kind = _read_kind(message)
    found: dict[str, tuple[int, int]] = {}
    mask = bytearray(len(message))
    mask[0:8] = b"\xff" * 8
    mask[16:20] = b"\xff" * 4
    met: set[Path] = set()
    for path, start, end in _walk(message, HEADER.size + NFGEN_SIZE, len(message), ()):
        mask[start - 4 : start] = b"\xff" * 4
        if path in met and (path in LEAVES or path in _NESTS):
            raise MalformedMessage(f"attribute {'/'.join(map(str, path))} appears twice")
        met.add(path)
        leaf = LEAVES.get(path)
        if leaf is None:
            continue
        if end - start not in leaf.sizes:
            raise MalformedMessage(f"{leaf.column} has {end - start} bytes")
        if leaf.column in found:
            raise MalformedMessage(f"{leaf.column} appears twice")
        found[leaf.column] = (start, end)
        if leaf.column in _PROTOCOLS:
            mask[start] = 0xFF
        elif leaf.column in _SIGNED:
            if message[start] & 0x80:
                raise MalformedMessage(f"{leaf.column} exceeds PostgreSQL's signed range")
            mask[start] = 0x80
    proto = _check(message, found)
    leaves = sorted((span, column) for column, span in found.items() if column not in _PROTOCOLS)
    number = int.from_bytes(mask, "little")
    return Layout(
        kind=kind,
        proto=proto,
        length=len(message),
        mask=number,
        skeleton=int.from_bytes(message, "little") & number,
        leaves=_compile(leaves, len(message)),
        columns=tuple(column for _, column in leaves),
        sizes=tuple(end - start for (start, end), _ in leaves),
    )


def _read_kind(message: bytes) -> Kind:
    if len(message) < HEADER.size + NFGEN_SIZE:
        raise MalformedMessage(f"{len(message)} bytes are too short for a ctnetlink message")
    length, kind, flags, _, _ = HEADER.unpack_from(message)
    if length != len(message):
        raise MalformedMessage(f"nlmsg_len is {length}, the message has {len(message)} bytes")
    if kind >> 8 != _SUBSYSTEM_CTNETLINK or kind & 0xFF not in (_MESSAGE_NEW, _MESSAGE_DELETE):
        raise MalformedMessage(f"nlmsg_type {kind:#06x} is not a conntrack event")
    if kind & 0xFF == _MESSAGE_DELETE:
        return Kind.DESTROY
    if flags & _FLAG_MULTI:
        return Kind.DUMP
    return Kind.NEW if flags & _FLAGS_CREATE else Kind.UPDATE


def _walk(message: bytes, start: int, end: int, above: Path) -> Iterator[tuple[Path, int, int]]:
    """(path, start, end) of each attribute's payload; a nest comes before what is in it."""
    while start < end:
        if end - start < _ATTRIBUTE.size:
            raise MalformedMessage(
                f"{end - start} bytes remain at {start}, too few for an attribute"
            )
        length, kind = _ATTRIBUTE.unpack_from(message, start)
        if not _ATTRIBUTE.size <= length <= end - start:
            raise MalformedMessage(
                f"attribute at {start}: its length is {length}, {end - start} bytes remain"
            )
        path = (*above, kind & _TYPE_MASK)
        yield path, start + _ATTRIBUTE.size, start + length
        if path in _NESTS:
            yield from _walk(message, start + _ATTRIBUTE.size, start + length, path)
        start += align(length)


def _check(message: bytes, found: dict[str, tuple[int, int]]) -> int:
    """Checks that the message has what every event has; returns its protocol number."""
    for column in (*_REQUIRED, *_PROTOCOLS):
        if column not in found:
            raise MalformedMessage(f"no {column}")
    for side in ("orig", "reply"):
        source, target = found[f"{side}_src"], found[f"{side}_dst"]
        if source[1] - source[0] != target[1] - target[0]:
            raise MalformedMessage(f"{side}_src and {side}_dst are of different families")
    numbers = [message[found[column][0]] for column in _PROTOCOLS]
    if numbers[0] != numbers[1]:
        raise MalformedMessage(f"orig has protocol {numbers[0]}, reply has {numbers[1]}")
    return numbers[0]


def _compile(leaves: list[tuple[tuple[int, int], str]], length: int) -> struct.Struct:
    parts, at = ["="], 0
    for (start, end), _ in leaves:
        parts.append(f"{start - at}x{end - start}s")
        at = end
    # As long as the message, so that unpacking fails for one that is cut off after its last leaf.
    parts.append(f"{length - at}x")
    return struct.Struct("".join(parts))
