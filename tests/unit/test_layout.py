"""A layout matches only its own kind of message; what is not an event is rejected by name."""

from __future__ import annotations

import random
import struct
from dataclasses import replace
from ipaddress import ip_address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctaudit.conntrack import layout as layouts
from ctaudit.conntrack.event import COLUMNS, Kind
from ctaudit.conntrack.layout import LEAVES, Layout, Layouts, MalformedMessage, learn
from tests.unit.messages import ICMP, TCP, Entry, Side, attribute, build, entries, message, nest
from tests.unit.mutations import Node, parse, refill, render

CLIENT, SERVER, GATEWAY = map(ip_address, ("192.168.1.129", "19.1.16.7", "1.2.3.4"))
ENTRY = Entry(
    Kind.NEW,
    TCP,
    Side(CLIENT, SERVER, (53400, 443)),
    Side(SERVER, GATEWAY, (443, 53500)),
    ct_id=0xDEADBEEF,
    status=0x188,
    orig_counters=(1, 60),
    reply_counters=(0, 0),
    timestamps=(1_708_603_183_000_000_001, None),
    state=1,
)


def matches(layout: Layout, data: bytes) -> bool:
    number = int.from_bytes(data[: layout.length], "little")
    return number & layout.mask == layout.skeleton


def refused(data: bytes) -> str:
    with pytest.raises(MalformedMessage) as caught:
        learn(data)
    return str(caught.value)


def test_layout_says_what_it_is() -> None:
    learned = learn(build(ENTRY))
    assert (learned.kind, learned.proto) == (Kind.NEW, TCP)
    assert learned.length == len(build(ENTRY))
    assert learned.span % 4 == 0
    assert set(learned.columns) == {
        "orig_src", "orig_dst", "orig_sport", "orig_dport", "reply_src", "reply_dst",
        "reply_sport", "reply_dport", "ct_id", "status", "orig_packets", "orig_bytes",
        "reply_packets", "reply_bytes", "start_sent", "state",
    }  # fmt: skip
    assert learned.sizes == tuple(len(leaf) for leaf in learned.leaves.unpack_from(build(ENTRY)))


def test_every_leaf_is_a_column_or_a_protocol() -> None:
    taken = {leaf.column for leaf in LEAVES.values()} - {"orig_proto", "reply_proto"}
    assert taken == set(COLUMNS) - {"kind", "proto", "received_at"}


@given(entries(), st.randoms(use_true_random=False))
def test_other_values_have_the_same_layout(entry: Entry, chooser: random.Random) -> None:
    learned = learn(build(entry))
    other = refill(build(entry), chooser)
    if not matches(learned, other):
        assert "exceeds PostgreSQL's signed range" in refused(other)
        return
    again = learn(other)
    assert (again.mask, again.skeleton) == (learned.mask, learned.skeleton)
    assert again.columns == learned.columns


@given(entries(), entries())
def test_one_kind_never_matches_another(first: Entry, second: Entry) -> None:
    learned, other = learn(build(first)), learn(build(second))
    same = (learned.mask, learned.skeleton) == (other.mask, other.skeleton)
    assert matches(learned, build(second)) == same


@given(entries())
def test_each_header_byte_counts(entry: Entry) -> None:
    data = build(entry)
    learned = learn(data)
    headers = [*range(8), *range(16, 20), *_attribute_headers(data)]
    for at in headers:
        changed = bytearray(data)
        changed[at] ^= 0x01
        assert not matches(learned, bytes(changed)), at


def _attribute_headers(data: bytes) -> list[int]:
    """Offsets of the top-level attributes' headers."""
    found: list[int] = []
    at = 20
    while at < len(data):
        found += range(at, at + 4)
        at += (struct.unpack_from("=H", data, at)[0] + 3) & ~3
    return found


@pytest.mark.parametrize("size", range(20))
def test_too_short(size: int) -> None:
    assert "too short" in refused(struct.pack("=IHHII", 20, 0x100, 0, 0, 0).ljust(20)[:size])


def test_wrong_length() -> None:
    data = build(ENTRY)
    assert refused(data + b"\0\0\0\0") == (
        f"nlmsg_len is {len(data)}, the message has {len(data) + 4} bytes"
    )


@pytest.mark.parametrize("kind", [0x101, 0x103, 0x200, 0x000, 0x400, 0xCA01])
def test_other_messages(kind: int) -> None:
    data = bytearray(build(ENTRY))
    struct.pack_into("=H", data, 4, kind)
    assert refused(bytes(data)) == f"nlmsg_type {kind:#06x} is not a conntrack event"


@pytest.mark.parametrize(
    ("kind", "flags", "expected"),
    [
        (0x100, 0x600, Kind.NEW),
        (0x100, 0, Kind.UPDATE),
        (0x100, 0x2, Kind.DUMP),
        (0x100, 0x12, Kind.DUMP),
        (0x102, 0, Kind.DESTROY),
        (0x102, 0x600, Kind.DESTROY),
    ],
)
def test_kinds(kind: int, flags: int, expected: Kind) -> None:
    data = bytearray(build(ENTRY))
    struct.pack_into("=HH", data, 4, kind, flags)
    assert learn(bytes(data)).kind is expected


@pytest.mark.parametrize("column", ["orig", "reply", "ct_id"])
def test_required(column: str) -> None:
    number = {"orig": 1, "reply": 2, "ct_id": 12}[column]
    nodes = [node for node in parse(build(ENTRY)) if node.kind & 0x3FFF != number]
    assert refused(render(build(ENTRY), nodes)).startswith(f"no {column}")


# path, a size that its attribute never has, what the refusal names
SIZES = [
    ((1, 1, 1), 3, "orig_src"), ((1, 1, 2), 16, "orig_dst"), ((2, 1, 1), 5, "reply_src"),
    ((1, 2, 1), 2, "orig_proto"), ((1, 2, 2), 1, "orig_sport"), ((2, 2, 3), 4, "reply_dport"),
    ((3,), 8, "status"), ((4, 1, 1), 4, "state"), ((9, 1), 4, "orig_packets"),
    ((10, 2), 16, "reply_bytes"), ((12,), 2, "ct_id"), ((20, 1), 4, "start_sent"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "size", "column"), SIZES)
def test_wrong_size(path: tuple[int, ...], size: int, column: str) -> None:
    nodes = parse(build(ENTRY))
    _find(nodes, path).payload = bytes(size)
    assert refused(render(build(ENTRY), nodes)) == f"{column} has {size} bytes"


@pytest.mark.parametrize("path", [path for path, _, _ in SIZES] + [(1,), (1, 2), (9,), (20,)])
def test_twice(path: tuple[int, ...]) -> None:
    nodes = parse(build(ENTRY))
    node = _find(nodes, path)
    siblings = nodes if len(path) == 1 else _find(nodes, path[:-1]).children
    assert siblings is not None
    siblings.append(Node(node.kind, node.payload, node.children))
    assert refused(render(build(ENTRY), nodes)).endswith("appears twice")


def test_nests_share_nothing_out() -> None:
    """Half of the counters in one nest and half in another: readers disagree on that."""
    nodes = parse(build(ENTRY))
    counters = _find(nodes, (9,))
    assert counters.children is not None
    nodes.append(Node(counters.kind, children=[counters.children.pop()]))
    assert refused(render(build(ENTRY), nodes)) == "attribute 9 appears twice"


def test_both_families_in_one_place() -> None:
    nodes = parse(build(ENTRY))
    addresses = _find(nodes, (1, 1)).children
    assert addresses is not None
    addresses.append(Node(3, bytes(16)))
    assert refused(render(build(ENTRY), nodes)) == "orig_src appears twice"
    addresses.pop(0)
    assert refused(render(build(ENTRY), nodes)) == (
        "orig_src and orig_dst are of different families"
    )


def test_two_protocols() -> None:
    nodes = parse(build(ENTRY))
    _find(nodes, (2, 2, 1)).payload = bytes([ICMP])
    assert refused(render(build(ENTRY), nodes)) == "orig has protocol 6, reply has 1"


@pytest.mark.parametrize(
    "field", ["status", "event_at", "orig_counters", "reply_counters", "timestamps"]
)
def test_beyond_the_signed_range(field: str) -> None:
    wide = 1 << 31 if field == "status" else 1 << 63
    for value in (wide, 2 * wide - 1):
        given_value: Any = value if field in ("status", "event_at") else (value, 0)
        changed: dict[str, Any] = {field: given_value}
        entry = replace(ENTRY, **changed)
        assert "exceeds PostgreSQL's signed range" in refused(build(entry))
    learn(build(replace(ENTRY, status=(1 << 31) - 1, event_at=(1 << 63) - 1)))
    learn(build(replace(ENTRY, mark=(1 << 32) - 1, ct_id=(1 << 32) - 1)))


def test_attribute_longer_than_its_nest() -> None:
    data = bytearray(build(ENTRY))
    struct.pack_into("=H", data, 20, 0xFFFF)
    assert refused(bytes(data)).startswith("attribute at 20: its length is 65535, ")


@pytest.mark.parametrize("length", range(4))
def test_attribute_shorter_than_its_header(length: int) -> None:
    data = bytearray(build(ENTRY))
    struct.pack_into("=H", data, 20, length)
    assert refused(bytes(data)).startswith(f"attribute at 20: its length is {length}, ")


def test_bytes_left_over() -> None:
    data = message(0x100, 0x600, build(ENTRY)[16:] + b"\0\0")
    assert refused(data).startswith("2 bytes remain at ")


def test_nested_deep() -> None:
    deep = b""
    for _ in range(5000):
        deep = nest(1, [deep]) if len(deep) < 0xFF00 else deep
    data = message(0x100, 0x600, build(ENTRY)[16:] + attribute(99, deep))
    assert learn(data).kind is Kind.NEW
    with pytest.raises(MalformedMessage):
        learn(message(0x100, 0x600, struct.pack("=BBH", 2, 0, 0) + deep))


def _find(nodes: list[Node], path: tuple[int, ...]) -> Node:
    node = next(node for node in nodes if node.kind & 0x3FFF == path[0])
    if len(path) == 1:
        return node
    assert node.children is not None
    return _find(node.children, path[1:])


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = Layouts()
    data = build(ENTRY)

    def kinds() -> int:
        return sum(map(len, memory.by_head.values()))

    heads = memory.by_head
    for number in range(3000):
        extra = attribute(99, bytes(number % 1500), b"\0\0\0") + attribute(100 + number, b"")
        memory.learn(message(0x100, 0x600, data[16:] + extra))
        assert 1 <= kinds() <= 1024
    # The decoder holds on to this very dict.
    assert memory.by_head is heads
    monkeypatch.setattr(layouts, "_MAX_LAYOUTS", 2)
    few = Layouts()
    for proto in (6, 17, 132):
        few.learn(build(replace(ENTRY, proto=proto, state=None)))
    assert [learned.proto for kept in few.by_head.values() for learned in kept] == [132]


def test_refused_kinds_leave_no_trace() -> None:
    memory = Layouts()
    with pytest.raises(MalformedMessage):
        memory.learn(build(replace(ENTRY, status=1 << 31)))
    assert not memory.by_head
