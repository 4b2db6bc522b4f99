"""Damages messages: bytes, lengths and structure, from a seed."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from dataclasses import dataclass, field

_HEAD = 20  # nlmsghdr and nfgenmsg
_TYPE_MASK = 0x3FFF
# The nests of a conntrack message, as types from the top.
_NESTS = {
    (1,), (1, 1), (1, 2), (2,), (2, 1), (2, 2), (4,), (4, 1), (4, 2), (4, 3), (5,), (9,), (10,),
    (14,), (14, 1), (14, 2), (20,),
}  # fmt: skip


@dataclass
class Node:
    """An attribute: either its payload or, for a nest, its children."""

    kind: int
    payload: bytes = b""
    children: list[Node] | None = field(default=None)


def parse(message: bytes) -> list[Node]:
    """A message's attributes; ValueError when it is not well-formed at the top."""
    nodes = _parse(message[_HEAD:], ())
    if nodes is None:
        raise ValueError("its attributes do not fit in it")
    return nodes


def _parse(data: bytes, above: tuple[int, ...]) -> list[Node] | None:
    nodes, at = [], 0
    while at < len(data):
        length, kind = struct.unpack_from("=HH", data.ljust(at + 4, b"\0"), at)
        if not 4 <= length <= len(data) - at:
            return None
        payload, path = data[at + 4 : at + length], (*above, kind & _TYPE_MASK)
        children = _parse(payload, path) if path in _NESTS else None
        nodes.append(Node(kind, payload if children is None else b"", children))
        at += (length + 3) & ~3
    return nodes


def render(message: bytes, nodes: list[Node]) -> bytes:
    """``message`` with these attributes instead of its own, its length put right."""
    body = _render(nodes)
    return struct.pack("=I", _HEAD + len(body)) + message[4:_HEAD] + body


def _render(nodes: list[Node]) -> bytes:
    body = b""
    for node in nodes:
        payload = node.payload if node.children is None else _render(node.children)
        length = 4 + len(payload)
        body += struct.pack("=HH", length & 0xFFFF, node.kind) + payload + bytes(-length % 4)
    return body


def levels(nodes: list[Node]) -> list[list[Node]]:
    """Each list of siblings, the top first."""
    found = [nodes]
    for node in nodes:
        if node.children is not None:
            found += levels(node.children)
    return found


def refill(message: bytes, chooser: random.Random) -> bytes:
    """A message of the same kind with other values: all payloads random but the protocol's.

    Its last attribute's alignment is missing where ``message`` lacks it.
    """
    nodes = parse(message)
    for top in nodes:
        in_tuple = top.kind & _TYPE_MASK in (1, 2)
        for node in (node for group in levels([top]) for node in group):
            if node.children is None and not (in_tuple and _is_number(node)):
                node.payload = chooser.randbytes(len(node.payload))
    return struct.pack("=I", len(message)) + render(message, nodes)[4 : len(message)]


def _is_number(node: Node) -> bool:
    return node.kind & _TYPE_MASK == 1 and len(node.payload) == 1


def _set_byte(message: bytes, chooser: random.Random) -> bytes:
    changed = bytearray(message)
    value = chooser.choice((0, 1, 4, 255, chooser.randrange(256)))
    changed[chooser.randrange(len(changed))] = value
    return bytes(changed)


def _flip_bit(message: bytes, chooser: random.Random) -> bytes:
    changed = bytearray(message)
    changed[chooser.randrange(len(changed))] ^= 1 << chooser.randrange(8)
    return bytes(changed)


def _cut(message: bytes, chooser: random.Random) -> bytes:
    return _say_length(message[: chooser.randrange(len(message))], chooser)


def _extend(message: bytes, chooser: random.Random) -> bytes:
    return _say_length(message + chooser.randbytes(chooser.randint(1, 40)), chooser)


def _say_length(message: bytes, chooser: random.Random) -> bytes:
    if chooser.random() < 0.5 or len(message) < 4:
        return message
    return struct.pack("=I", len(message)) + message[4:]


def _restructure(change: Callable[[list[Node], int, random.Random], None]) -> Mutation:
    def mutate(message: bytes, chooser: random.Random) -> bytes:
        nodes = parse(message)
        groups = [group for group in levels(nodes) if group]
        if not groups:
            return message
        group = chooser.choice(groups)
        change(group, chooser.randrange(len(group)), chooser)
        return render(message, nodes)

    return mutate


def _duplicate(group: list[Node], at: int, chooser: random.Random) -> None:
    node = group[at]
    # The copy must not share its children: it may differ.
    payload = chooser.randbytes(len(node.payload)) if chooser.random() < 0.5 else node.payload
    copy = Node(node.kind, payload, None if node.children is None else list(node.children))
    group.insert(chooser.randint(0, len(group)), copy)


def _drop(group: list[Node], at: int, _: random.Random) -> None:
    del group[at]


def _wrap(group: list[Node], at: int, chooser: random.Random) -> None:
    for _ in range(chooser.choice((1, 2, 50))):
        group[at] = Node(group[at].kind, children=[group[at]])


def _resize(group: list[Node], at: int, chooser: random.Random) -> None:
    size = chooser.choice((0, 1, 2, 3, 4, 8, 16, 17, 200))
    group[at] = Node(group[at].kind, chooser.randbytes(size))


def _retype(group: list[Node], at: int, chooser: random.Random) -> None:
    group[at].kind = chooser.choice((chooser.randrange(30), chooser.randrange(1 << 16)))


def _swap(group: list[Node], at: int, chooser: random.Random) -> None:
    other = chooser.randrange(len(group))
    group[at], group[other] = group[other], group[at]


Mutation = Callable[[bytes, random.Random], bytes]

BYTES: tuple[Mutation, ...] = (_set_byte, _flip_bit, _cut, _extend)
STRUCTURE: tuple[Mutation, ...] = tuple(
    _restructure(change) for change in (_duplicate, _drop, _wrap, _resize, _retype, _swap)
)


def mutate(message: bytes, chooser: random.Random) -> bytes:
    """``message``, well-formed, with its structure and then its bytes changed a few times."""
    for _ in range(chooser.choice((0, 1, 1, 2))):
        message = chooser.choice((*STRUCTURE, refill))(message, chooser)
    for _ in range(chooser.choice((0, 0, 1, 1, 2))):
        if message:
            message = chooser.choice(BYTES)(message, chooser)
    return message
