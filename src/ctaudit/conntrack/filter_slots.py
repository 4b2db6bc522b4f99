"""What a filter program looks at: taken out of the message into the scratch words of BPF.

A slot holds an IPv4 address, the offset of the attribute of an IPv6 address, a port or a zone
(ABSENT: the message has none), the protocol, or whether an end was translated.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from ctaudit.conntrack import bpf
from ctaudit.conntrack.bpf import Assembler
from ctaudit.conntrack.filter import ACCEPT, ADDRESSES, PORTS

_HEADER = 20  # struct nlmsghdr, struct nfgenmsg
# Types of attributes, linux/netfilter/nfnetlink_conntrack.h
TUPLES = {"orig": 1, "reply": 2}
IP, _PROTO, _TUPLE_ZONE, _ZONE = 1, 2, 3, 18
ADDRESS_TYPES = {4: {"src": 1, "dst": 2}, 6: {"src": 3, "dst": 4}}
_PROTO_NUM = 1
_PORT_TYPES = {"sport": 2, "dport": 3}
_ABSENT = 0x10000  # of a port or a zone, which have 16 bits

ZONES = ("zone", "orig_zone", "reply_zone")
_KEPT = (*ADDRESSES, *PORTS, "proto", *ZONES, "snat", "dnat")
SLOTS = {name: number for number, name in enumerate(_KEPT)}
_TUPLE, _NEST = len(_KEPT), len(_KEPT) + 1  # offsets, while the message is taken apart


def load(code: Assembler, needed: AbstractSet[str], version: int) -> None:
    """Fills the slots ``needed``; what lacks an address or a protocol is accepted."""
    for side, number in TUPLES.items():
        own = {name.removeprefix(f"{side}_") for name in needed if name.startswith(side)}
        if side == "orig" and "proto" in needed:
            own.add("proto")
        if own:
            find_attribute(code, number, missing=ACCEPT)
            code.add(bpf.ST, _TUPLE)
            _load_tuple(code, side, own, version)
    if "zone" in needed:
        absent = code.make_label()
        find_attribute(code, _ZONE, missing=absent)
        _keep_half(code, "zone", absent)
        _default_zone(code)
    for word in ("snat", "dnat"):
        if word in needed:
            _compare(code, word, version)


def _load_tuple(code: Assembler, side: str, own: AbstractSet[str], version: int) -> None:
    """``own``: what of the tuple whose offset is in _TUPLE is asked for."""
    if own & {"src", "dst"}:
        _enter(code, IP)
    for end, number in ADDRESS_TYPES[version].items():
        if end in own:
            code.add(bpf.LD_MEM, _NEST)
            find_attribute(code, number, missing=ACCEPT, inside=True)
            if version == 4:
                code.add(bpf.TAX)
                code.add(bpf.LD_IND, 4)
            code.add(bpf.ST, SLOTS[f"{side}_{end}"])
    if own & {"sport", "dport", "proto"}:
        _enter(code, _PROTO)
    if "proto" in own:
        code.add(bpf.LD_MEM, _NEST)
        find_attribute(code, _PROTO_NUM, missing=ACCEPT, inside=True)
        code.add(bpf.TAX)
        code.add(bpf.LDB_IND, 4)
        code.add(bpf.ST, SLOTS["proto"])
    for end, number in _PORT_TYPES.items():
        if end in own:
            absent = code.make_label()
            code.add(bpf.LD_MEM, _NEST)
            find_attribute(code, number, missing=absent, inside=True)
            _keep_half(code, f"{side}_{end}", absent)
    if "zone" in own:
        absent = code.make_label()
        code.add(bpf.LD_MEM, _TUPLE)
        find_attribute(code, _TUPLE_ZONE, missing=absent, inside=True)
        _keep_half(code, f"{side}_zone", absent)


def _enter(code: Assembler, number: int) -> None:
    """Keeps the offset of a nest of the tuple."""
    code.add(bpf.LD_MEM, _TUPLE)
    find_attribute(code, number, missing=ACCEPT, inside=True)
    code.add(bpf.ST, _NEST)


def find_attribute(code: Assembler, number: int, *, missing: str, inside: bool = False) -> None:
    """A becomes the offset of an attribute; ``inside``: of the one at A, else of the message."""
    if not inside:
        code.add(bpf.LD_IMM, _HEADER)
    code.add(bpf.LDX_IMM, number)
    code.add(bpf.LD_ABS, bpf.NLATTR_NEST if inside else bpf.NLATTR)
    code.jump(bpf.JEQ, 0, yes=missing)


def _keep_half(code: Assembler, name: str, absent: str) -> None:
    """Keeps the 16 bits of the attribute at A, or, from ``absent`` on, that there are none."""
    there = code.make_label()
    code.add(bpf.TAX)
    code.add(bpf.LDH_IND, 4)
    code.goto(there)
    code.label(absent)
    code.add(bpf.LD_IMM, _ABSENT)
    code.label(there)
    code.add(bpf.ST, SLOTS[name])


def _default_zone(code: Assembler) -> None:
    """Without any zone in the message, it is 0."""
    some = code.make_label()
    for name in ZONES:
        code.add(bpf.LD_MEM, SLOTS[name])
        code.jump(bpf.JEQ, _ABSENT, no=some)
    code.add(bpf.LD_IMM, 0)
    code.add(bpf.ST, SLOTS["zone"])
    code.label(some)


def _compare(code: Assembler, word: str, version: int) -> None:
    """Keeps 1 where the tuples do not mirror each other, else 0: filter_match.find_translation."""
    ends = ("src", "dst") if word == "snat" else ("dst", "src")
    ports = ("sport", "dport") if word == "snat" else ("dport", "sport")
    differ, done = code.make_label(), code.make_label()
    one, other = SLOTS[f"orig_{ends[0]}"], SLOTS[f"reply_{ends[1]}"]
    if version == 4:
        code.add(bpf.LD_MEM, one)
        code.add(bpf.LDX_MEM, other)
        code.jump(bpf.JEQ_X, no=differ)
    else:
        for word_at in range(4, 20, 4):
            code.add(bpf.LDX_MEM, one)
            code.add(bpf.LD_IND, word_at)
            code.add(bpf.ST, _NEST)
            code.add(bpf.LDX_MEM, other)
            code.add(bpf.LD_IND, word_at)
            code.add(bpf.LDX_MEM, _NEST)
            code.jump(bpf.JEQ_X, no=differ)
    code.add(bpf.LD_MEM, SLOTS[f"orig_{ports[0]}"])
    code.add(bpf.LDX_MEM, SLOTS[f"reply_{ports[1]}"])
    code.jump(bpf.JEQ_X, no=differ)
    code.add(bpf.LD_IMM, 0)
    code.goto(done)
    code.label(differ)
    code.add(bpf.LD_IMM, 1)
    code.label(done)
    code.add(bpf.ST, SLOTS[word])
