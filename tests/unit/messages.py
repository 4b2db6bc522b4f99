"""Builds ctnetlink messages as the kernel does (nf_conntrack_netlink.c), and strategies for them.

An Entry says what a message holds; ``build`` gives its bytes and ``columns_of`` what a decoder
must read from them. Written without a look at the decoder's own tables.
"""

from __future__ import annotations

import random
import struct
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from hypothesis import strategies as st

from ctaudit.conntrack.event import Kind

Address = IPv4Address | IPv6Address
Attribute = tuple[int, bytes]

ICMP, TCP, UDP, DCCP, GRE, ICMPV6, SCTP, UDPLITE = 1, 6, 17, 33, 47, 58, 132, 136
# nlmsg_type and flags: IPCTNL_MSG_CT_NEW or _DELETE of NFNL_SUBSYS_CTNETLINK
HEADS = {
    Kind.NEW: (0x100, 0x600),
    Kind.UPDATE: (0x100, 0),
    Kind.DESTROY: (0x102, 0),
    Kind.DUMP: (0x100, 0x2),
}
_NESTED = 0x8000
_PROTOINFO = {TCP: 1, DCCP: 2, SCTP: 3}
_PAD_COUNTERS, _PAD_TIMESTAMP = 5, 3


@dataclass(frozen=True)
class Side:
    """One direction's tuple; ``icmp`` is (id, type, code)."""

    src: Address
    dst: Address
    ports: tuple[int, int] | None = None
    icmp: tuple[int, int, int] | None = None
    zone: int | None = None


@dataclass(frozen=True)
class Entry:
    """What a message holds; None is an attribute that is not there.

    ``others``: attributes that no column takes. ``shuffle``: 0 for the kernel's order, else a
    seed. ``pads``: 64-bit values have their padding attributes. ``filling``: the alignment's
    bytes, the last attribute has none when empty.
    """

    kind: Kind
    proto: int
    orig: Side
    reply: Side
    ct_id: int
    status: int | None = None
    mark: int | None = None
    zone: int | None = None
    orig_counters: tuple[int, int] | None = None
    reply_counters: tuple[int, int] | None = None
    timestamps: tuple[int, int | None] | None = None
    event_at: int | None = None
    helper: str | None = None
    labels: bytes | None = None
    state: int | None = None
    master: Side | None = None
    others: tuple[Attribute, ...] = ()
    shuffle: int = 0
    pads: bool = False
    filling: bytes = b"\0\0\0"
    sequence: int = 0


def attribute(kind: int, payload: bytes, filling: bytes = b"\0\0\0") -> bytes:
    body = struct.pack("=HH", 4 + len(payload), kind) + payload
    return body + filling[: -len(body) % 4]


def nest(kind: int, parts: list[bytes]) -> bytes:
    return attribute(kind | _NESTED, b"".join(parts))


def message(kind: int, flags: int, body: bytes, sequence: int = 0) -> bytes:
    """A netlink message around ``body``, which begins with the nfgenmsg."""
    return struct.pack("=IHHII", 16 + len(body), kind, flags, sequence, 0) + body


def build(entry: Entry) -> bytes:
    """The message's bytes, nlmsg_len of them."""
    parts = _attributes(entry)
    if entry.shuffle:
        random.Random(entry.shuffle).shuffle(parts)
    if not entry.filling:
        # NLA_ALIGN after the last attribute is not everybody's habit.
        length = struct.unpack_from("=H", parts[-1])[0]
        parts[-1] = parts[-1][:length]
    family = 2 if entry.orig.src.version == 4 else 10
    body = struct.pack("=BBH", family, 0, 0) + b"".join(parts)
    return message(*HEADS[entry.kind], body, entry.sequence)


def _attributes(entry: Entry) -> list[bytes]:
    filling = entry.filling or b"\0\0\0"
    parts = [_tuple(1, entry.orig, entry.proto, filling)]
    parts.append(_tuple(2, entry.reply, entry.proto, filling))
    for kind, value, form in (
        (18, entry.zone, "!H"), (12, entry.ct_id, "!I"), (3, entry.status, "!I"),
        (8, entry.mark, "!I"), (27, entry.event_at, "!Q"),
    ):  # fmt: skip
        if value is not None:
            parts.append(attribute(kind, struct.pack(form, value), filling))
    for kind, pair in ((9, entry.orig_counters), (10, entry.reply_counters)):
        if pair is not None:
            parts.append(nest(kind, _wide(pair, entry.pads, _PAD_COUNTERS)))
    if entry.timestamps is not None:
        parts.append(nest(20, _wide(entry.timestamps, entry.pads, _PAD_TIMESTAMP)))
    if entry.helper is not None:
        name = entry.helper.encode() + b"\0"
        parts.append(nest(5, [attribute(1, name, filling)]))
    if entry.labels is not None:
        parts.append(attribute(22, entry.labels, filling))
    if entry.state is not None:
        inside = [attribute(1, bytes([entry.state]), filling), attribute(9, b"\1", filling)]
        parts.append(nest(4, [nest(_PROTOINFO[entry.proto], inside)]))
    if entry.master is not None:
        parts.append(_tuple(14, entry.master, entry.proto, filling))
    parts += [attribute(kind, payload, filling) for kind, payload in entry.others]
    return parts


def _wide(pair: tuple[int | None, ...], pads: bool, pad: int) -> list[bytes]:
    parts = []
    for number, value in enumerate(pair, 1):
        if value is not None:
            parts += [attribute(pad, b"")] * pads
            parts.append(attribute(number, struct.pack("!Q", value)))
    return parts


def _tuple(kind: int, side: Side, proto: int, filling: bytes) -> bytes:
    v4 = side.src.version == 4
    addresses = [
        attribute(1 if v4 else 3, side.src.packed),
        attribute(2 if v4 else 4, side.dst.packed),
    ]
    inside = [attribute(1, bytes([proto]), filling)]
    if side.ports is not None:
        inside += [
            attribute(number, struct.pack("!H", port), filling)
            for number, port in enumerate(side.ports, 2)
        ]
    if side.icmp is not None:
        identity, icmp_type, code = side.icmp
        first = 4 if proto == ICMP else 7
        inside.append(attribute(first, struct.pack("!H", identity), filling))
        inside.append(attribute(first + 1, bytes([icmp_type]), filling))
        inside.append(attribute(first + 2, bytes([code]), filling))
    parts = [nest(1, addresses), nest(2, inside)]
    if side.zone is not None:
        parts.append(attribute(3, struct.pack("!H", side.zone), filling))
    return nest(kind, parts)


def columns_of(entry: Entry) -> dict[str, Any]:
    """Column -> value as describe_row gives it, without received_at."""
    values: dict[str, Any] = {
        "kind": entry.kind, "proto": entry.proto, "ct_id": entry.ct_id, "status": entry.status,
        "mark": entry.mark, "zone": entry.zone, "event_at": entry.event_at,
        "helper": entry.helper, "labels": entry.labels, "state": entry.state,
    }  # fmt: skip
    for name, side in (("orig", entry.orig), ("reply", entry.reply)):
        values[f"{name}_src"], values[f"{name}_dst"] = side.src, side.dst
        values[f"{name}_zone"] = side.zone
        if side.ports is not None:
            values[f"{name}_sport"], values[f"{name}_dport"] = side.ports
        if side.icmp is not None:
            identity = f"{name}_sport" if name == "orig" else f"{name}_dport"
            values[identity], values[f"{name}_icmp_type"], values[f"{name}_icmp_code"] = side.icmp
    for name, pair in (("orig", entry.orig_counters), ("reply", entry.reply_counters)):
        if pair is not None:
            values[f"{name}_packets"], values[f"{name}_bytes"] = pair
    if entry.timestamps is not None:
        values["start_sent"], values["stop_sent"] = entry.timestamps
    return {name: value for name, value in values.items() if value is not None}


u8 = st.integers(0, (1 << 8) - 1)
u16 = st.integers(0, (1 << 16) - 1)
u32 = st.integers(0, (1 << 32) - 1)
u63 = st.integers(0, (1 << 63) - 1)
# Attributes that no column takes: TIMEOUT, USE, SECCTX, SYNPROXY, SEQ_ADJ, NAT_SRC, unknown ones.
_OTHERS = st.tuples(st.sampled_from([7, 11, 13, 15, 16, 19, 21, 24, 26, 28, 99, 1000]),
                    st.binary(max_size=24))  # fmt: skip


@st.composite
def _sides(draw: st.DrawFn, proto: int, v4: bool) -> Side:
    address = st.ip_addresses(v=4 if v4 else 6)
    ports = icmp = None
    if proto in (ICMP, ICMPV6):
        icmp = (draw(u16), draw(u8), draw(u8))
    elif proto in (TCP, UDP, DCCP, GRE, SCTP, UDPLITE):
        ports = (draw(u16), draw(u16))
    return Side(draw(address), draw(address), ports, icmp, draw(st.none() | u16))


@st.composite
def entries(draw: st.DrawFn) -> Entry:
    proto = draw(st.sampled_from([TCP, UDP, ICMP, ICMPV6, SCTP, DCCP, GRE, UDPLITE]) | u8)
    v4 = draw(st.booleans())
    counters = st.none() | st.tuples(u63, u63)
    return Entry(
        kind=draw(st.sampled_from(Kind)),
        proto=proto,
        orig=draw(_sides(proto, v4)),
        reply=draw(_sides(proto, v4)),
        ct_id=draw(u32),
        status=draw(st.none() | st.integers(0, (1 << 31) - 1)),
        mark=draw(st.none() | u32),
        zone=draw(st.none() | u16),
        orig_counters=draw(counters),
        reply_counters=draw(counters),
        timestamps=draw(st.none() | st.tuples(u63, st.none() | u63)),
        event_at=draw(st.none() | u63),
        helper=draw(st.none() | st.sampled_from(["ftp", "sip-5060", "Q.931", "ä"])),
        labels=draw(st.none() | st.binary(min_size=16, max_size=16)),
        state=draw(st.none() | u8) if proto in _PROTOINFO else None,
        master=draw(st.none() | _sides(proto, v4)),
        others=tuple(draw(st.lists(_OTHERS, max_size=3))),
        shuffle=draw(st.integers(0, 1000)),
        pads=draw(st.booleans()),
        filling=draw(st.sampled_from([b"\0\0\0", b"\xff\xaa\x55", b""])),
        sequence=draw(u32),
    )
