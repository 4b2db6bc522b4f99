"""The rules as one classic BPF program for the event socket.

It returns 0 for a message that the rules exclude and all of the message otherwise; what is no
event, or cannot be judged, passes. The tuples are found by the kernel's own search for netlink
attributes (SKF_AD_NLATTR), so that no order of attributes is assumed.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import fields, replace
from ipaddress import IPv6Network, collapse_addresses

from ctaudit.conntrack import bpf
from ctaudit.conntrack.bpf import Assembler
from ctaudit.conntrack.filter import ACCEPT, ADDRESSES, DENY, PORTS, Rule, RuleSet, Span
from ctaudit.conntrack.filter_index import join_spans
from ctaudit.conntrack.filter_slots import (
    ADDRESS_TYPES,
    IP,
    SLOTS,
    TUPLES,
    ZONES,
    find_attribute,
    load,
)

# nlmsg_type is the host's: NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW or _DELETE
_MESSAGE, _SUBSYSTEM = (4, 5) if sys.byteorder == "little" else (5, 4)
_SUBSYSTEM_CTNETLINK, _NEW, _DELETE = 1, 0, 2
# Spans that share the jumps to what follows.
_NEAR = 64


def compile_rules(rules: RuleSet) -> bytes:
    """Raises bpf.ProgramTooLong."""
    code = Assembler()
    code.add(bpf.LDB_ABS, _SUBSYSTEM)
    code.jump(bpf.JEQ, _SUBSYSTEM_CTNETLINK, no=ACCEPT)
    code.add(bpf.LDB_ABS, _MESSAGE)
    code.jump(bpf.JEQ, _NEW, yes="event")
    code.jump(bpf.JEQ, _DELETE, no=ACCEPT)
    code.label("event")
    find_attribute(code, TUPLES["orig"], missing=ACCEPT)
    find_attribute(code, IP, missing=ACCEPT, inside=True)
    find_attribute(code, ADDRESS_TYPES[4]["src"], missing="IPv6", inside=True)
    _add_family(code, _of_family(rules.rules, 4), 4)
    code.label("IPv6")
    _add_family(code, _of_family(rules.rules, 6), 6)
    code.label(ACCEPT)
    code.add(bpf.RET, 0xFFFFFFFF)
    code.label(DENY)
    code.add(bpf.RET, 0)
    return code.assemble()


def _of_family(rules: Sequence[Rule], version: int) -> list[Rule]:
    """The rules that connections of IPv4 or IPv6 can satisfy, neighbours joined where they may be.

    The kernel is not asked which rule it was: rules after each other with the same action that
    differ in one list of addresses are one rule.
    """
    joined: list[Rule] = []
    for rule in rules:
        own = {
            name: tuple(net for net in getattr(rule, name) if net.version == version)
            for name in ADDRESSES
        }
        if any(getattr(rule, name) and not own[name] for name in ADDRESSES):
            continue
        reduced = replace(rule, **own)  # type: ignore[arg-type]
        both = _join_rules(joined[-1], reduced) if joined else None
        joined[-1:] = [both] if both else [*joined[-1:], reduced]
    while joined and joined[-1].action == ACCEPT:
        joined.pop()
    return joined


def _join_rules(one: Rule, other: Rule) -> Rule | None:
    differing = [
        item.name for item in fields(one) if getattr(one, item.name) != getattr(other, item.name)
    ]
    if len(differing) != 1 or differing[0] not in ADDRESSES:
        return None
    (name,) = differing
    networks = getattr(one, name), getattr(other, name)
    return replace(one, **{name: networks[0] + networks[1]}) if all(networks) else None


def _add_family(code: Assembler, rules: Sequence[Rule], version: int) -> None:
    """The program for one family: loads what its rules look at, then asks rule by rule."""
    load(code, _needed(rules), version)
    for rule in rules:
        _add_rule(code, rule, version)
    code.goto(ACCEPT)


def _needed(rules: Sequence[Rule]) -> set[str]:
    found = {
        name for name in (*ADDRESSES, *PORTS, "proto") if any(getattr(rule, name) for rule in rules)
    }
    if any(rule.zone for rule in rules):
        found |= set(ZONES)
    for word in ("snat", "dnat"):
        if any({word, f"no_{word}", "nat_only"} & set(rule.direction) for rule in rules):
            found |= {word, *ADDRESSES, *PORTS}
    return found


def _add_rule(code: Assembler, rule: Rule, version: int) -> None:
    """Goes to the rule's action where all its conditions hold, else on to the next rule."""
    following = code.make_label()
    if rule.proto:
        code.add(bpf.LD_MEM, SLOTS["proto"])
        _is_in(code, [(number, number) for number in rule.proto], following)
    for word in rule.direction:
        names = ("snat", "dnat") if word == "nat_only" else (word.removeprefix("no_"),)
        wanted = 0 if word.startswith("no_") else 1
        _any_of(code, names, [(wanted, wanted)], following)
    if rule.zone:
        _any_of(code, ZONES, [(number, number) for number in rule.zone], following)
    for name in PORTS:
        if getattr(rule, name):
            code.add(bpf.LD_MEM, SLOTS[name])
            _is_in(code, getattr(rule, name), following)
    for name in ADDRESSES:
        networks = getattr(rule, name)
        if networks and version == 4:
            code.add(bpf.LD_MEM, SLOTS[name])
            spans = [(int(net.network_address), int(net.broadcast_address)) for net in networks]
            _is_in(code, spans, following)
        elif networks:
            _is_in_ipv6(code, name, networks, following)
    code.goto(rule.action)
    code.label(following)


def _any_of(code: Assembler, names: Sequence[str], spans: Sequence[Span], no: str) -> None:
    yes = code.make_label()
    for name in names:
        further = no if name == names[-1] else code.make_label()
        code.add(bpf.LD_MEM, SLOTS[name])
        _is_in(code, spans, further)
        if further != no:
            code.goto(yes)
            code.label(further)
    code.label(yes)


def _is_in(code: Assembler, spans: Sequence[Span], no: str) -> None:
    """Goes on where A is in one of ``spans``, found by halving; else to ``no``."""
    yes, joined = code.make_label(), join_spans(spans)
    search = _search if len(joined) > _NEAR else _search_near
    search(code, joined, yes, no, is_above=False)
    code.label(yes)


def _search(code: Assembler, spans: Sequence[Span], yes: str, no: str, *, is_above: bool) -> None:
    """``is_above``: A is known not to be below the first span.

    Up to _NEAR spans share the jumps to ``yes`` and ``no``, which may be too far for each.
    """
    if len(spans) > _NEAR:
        middle, upper = len(spans) // 2, code.make_label()
        code.jump(bpf.JGE, spans[middle][0], yes=upper)
        _search(code, spans[:middle], yes, no, is_above=is_above)
        code.label(upper)
        _search(code, spans[middle:], yes, no, is_above=True)
        return
    near_yes, near_no = code.make_label(), code.make_label()
    _search_near(code, spans, near_yes, near_no, is_above=is_above)
    code.label(near_no)
    code.goto(no)
    code.label(near_yes)
    code.goto(yes)


def _search_near(
    code: Assembler, spans: Sequence[Span], yes: str, no: str, *, is_above: bool
) -> None:
    if len(spans) > 1:
        middle, upper = len(spans) // 2, code.make_label()
        code.jump(bpf.JGE, spans[middle][0], yes=upper)
        _search_near(code, spans[:middle], yes, no, is_above=is_above)
        code.label(upper)
        _search_near(code, spans[middle:], yes, no, is_above=True)
        return
    first, last = spans[0]
    if first == last:
        code.jump(bpf.JEQ, first, yes=yes, no=no)
        return
    if first and not is_above:
        code.jump(bpf.JGE, first, no=no)
    code.jump(bpf.JGT, last, yes=no, no=yes)


def _is_in_ipv6(code: Assembler, name: str, networks: Sequence[IPv6Network], no: str) -> None:
    """The slot holds the offset of the attribute."""
    yes = code.make_label()
    code.add(bpf.LDX_MEM, SLOTS[name])
    smallest = list(collapse_addresses(networks))
    for network in smallest:
        further = no if network is smallest[-1] else code.make_label()
        address, left = network.network_address.packed, network.prefixlen
        for at in range(0, (left + 31) // 32 * 4, 4):
            code.add(bpf.LD_IND, 4 + at)
            bits = min(32, left - 8 * at)
            if bits < 32:
                code.add(bpf.AND, 0xFFFFFFFF << (32 - bits) & 0xFFFFFFFF)
            code.jump(bpf.JEQ, int.from_bytes(address[at : at + 4], "big"), no=further)
        if further != no:
            code.goto(yes)
            code.label(further)
    code.label(yes)
