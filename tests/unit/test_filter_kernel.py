"""The program says in the kernel what the rules say in Python."""

from __future__ import annotations

import random
import struct
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ctaudit.conntrack.bpf import ProgramTooLong, count_instructions
from ctaudit.conntrack.event import STATUS_DST_NAT, STATUS_SRC_NAT, Kind
from ctaudit.conntrack.filter import RuleSet
from ctaudit.conntrack.filter_match import Matcher, find_translation
from ctaudit.conntrack.filter_notation import read_rule
from ctaudit.conntrack.filter_program import compile_rules
from ctaudit.conntrack.layout import learn
from tests.unit.filter_rules import (
    KernelFilter,
    decide,
    is_denied,
    kernel_filter,
    rule_sets_about,
)
from tests.unit.messages import ICMP, TCP, UDP, Entry, Side, build, entries, message
from tests.unit.reading import captured

CLIENT, SERVER, GATEWAY = map(ip_address, ("192.168.1.129", "19.1.16.7", "1.2.3.4"))
ENTRY = Entry(
    Kind.NEW, TCP, Side(CLIENT, SERVER, (53400, 443)), Side(SERVER, GATEWAY, (443, 53500)), 1
)


CAPTURED = captured()


@pytest.fixture(scope="module")
def kernel() -> Iterator[KernelFilter]:
    with kernel_filter() as found:
        yield found


def rules(*texts: str) -> RuleSet:
    return RuleSet(tuple(map(read_rule, texts)))


@pytest.mark.parametrize(
    ("texts", "denied"),
    [
        (["deny"], True),
        (["accept", "deny"], False),
        (["accept proto udp"], False),
        (["deny orig_src 192.168.1.129"], True),
        (["deny orig_src 192.168.1.128"], False),
        (["deny orig_src 0.0.0.0/0"], True),
        (["deny orig_src ::/0"], False),
        (["deny orig_src 192.168.0.0/16"], True),
        (["deny orig_src 10.0.0.0/8,192.168.1.129,172.16.0.0/12"], True),
        (["deny orig_dst 19.1.16.0/24", "accept"], True),
        (["deny reply_src 19.1.16.7 reply_sport 443"], True),
        (["deny reply_src 19.1.16.7 reply_sport 80,444-500"], False),
        (["deny reply_dst 1.2.3.4 reply_dport 53000-54000"], True),
        (["deny orig_sport 53400"], True),
        (["deny proto tcp orig_dport 443"], True),
        (["accept proto tcp", "deny"], False),
        (["deny zone 0"], True),
        (["deny zone 7"], False),
        (["deny snat"], True),
        (["deny dnat"], False),
        (["accept nat_only", "deny"], False),
        (["deny snat no_dnat"], True),
        (["deny no_snat", "deny snat dnat"], False),
        (["accept orig_src 192.168.1.129 dnat", "deny proto tcp"], True),
        (["deny orig_src 10.0.0.0/8", "deny orig_src 192.168.1.0/24", "accept"], True),
        (["deny orig_src 10.0.0.0/8", "accept orig_src 192.168.1.0/24", "deny"], False),
    ],
)
def test_a_rule_set(kernel: KernelFilter, texts: list[str], denied: bool) -> None:
    found = rules(*texts)
    kernel.attach(compile_rules(found))
    data = build(ENTRY)
    assert is_denied(Matcher(found), data) is denied
    assert kernel.passes(data) is not denied


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_generated_rules_and_messages(kernel: KernelFilter, data: st.DataObject) -> None:
    entry = data.draw(entries())
    agree(kernel, data.draw(rule_sets_about(entry)), build(entry))


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_generated_rules_and_captured_messages(kernel: KernelFilter, data: st.DataObject) -> None:
    message_ = data.draw(st.sampled_from(CAPTURED))
    agree(kernel, data.draw(rule_sets_about(entry_of(message_))), message_)


def entry_of(data: bytes) -> Entry:
    """The tuples of a captured message."""
    layout = learn(data)
    leaves = dict(zip(layout.columns, layout.leaves.unpack_from(data), strict=True))

    def side(name: str) -> Side:
        ports = [
            int.from_bytes(leaves.get(f"{name}_{end}", b"\0\7"), "big")
            for end in ("sport", "dport")
        ]
        zone = leaves.get(f"{name}_zone")
        return Side(
            ip_address(leaves[f"{name}_src"]), ip_address(leaves[f"{name}_dst"]),
            (ports[0], ports[1]), None, int.from_bytes(zone, "big") if zone else None,
        )  # fmt: skip

    zone = leaves.get("zone")
    number = int.from_bytes(zone, "big") if zone else None
    return Entry(layout.kind, layout.proto, side("orig"), side("reply"), 1, zone=number)


def agree(kernel: KernelFilter, found: RuleSet, data: bytes) -> None:
    matcher = Matcher(found)
    number = decide(matcher, data)
    denied = number is not None and found.rules[number].action == "deny"
    assert is_denied(matcher, data) is denied
    kernel.attach(compile_rules(found))
    assert kernel.passes(data) is not denied


def test_what_is_no_event_passes(kernel: KernelFilter) -> None:
    kernel.attach(compile_rules(rules("deny")))
    error = message(2, 0, struct.pack("=i", -105) + build(ENTRY)[:16])
    done = message(3, 2, struct.pack("=i", 0))
    other = message(0x0200, 0, build(ENTRY)[16:])
    no_tuple = message(0x100, 0x600, build(ENTRY)[16:20])
    assert all(map(kernel.passes, (error, done, other, no_tuple)))
    assert not kernel.passes(build(ENTRY))


def test_many_networks_reach_both_ends(kernel: KernelFilter) -> None:
    """Jumps are 8 bits wide: the first and the last of 500 networks, and what lies between."""
    many = [f"10.{number // 100}.{number % 100 * 2}.0/24" for number in range(500)]
    for texts in (
        [f"deny orig_src {network}" for network in many],
        [f"deny orig_src {','.join(many)}", "accept"],
        [f"accept orig_src {network}" for network in many] + ["deny"],
    ):
        program = compile_rules(rules(*texts))
        assert count_instructions(program) < 1500
        kernel.attach(program)
        matcher = Matcher(rules(*texts))
        for number in (0, 1, 249, 250, 498, 499):
            for step in (0, 1):
                address = f"10.{number // 100}.{number % 100 * 2 + step}.9"
                side = replace(ENTRY.orig, src=ip_address(address))
                data = build(replace(ENTRY, orig=side))
                assert kernel.passes(data) is not is_denied(matcher, data), address


def test_many_rules_of_each_kind(kernel: KernelFilter) -> None:
    """Each of some hundred rules decides on its own message."""
    chosen = random.Random(7)
    texts = [
        f"{chosen.choice(['accept', 'deny'])} orig_src 10.0.{number}.0/24 proto udp,tcp "
        f"reply_sport {number},{number + 2}-{number + 9}"
        for number in range(150)
    ] + ["deny"]
    found = rules(*texts)
    kernel.attach(compile_rules(found))
    matcher = Matcher(found)
    for number in range(150):
        orig = replace(ENTRY.orig, src=ip_address(f"10.0.{number}.7"))
        for port in (number, number + 1, number + 9, number + 10):
            reply = replace(ENTRY.reply, ports=(port, 1))
            data = build(replace(ENTRY, proto=UDP, orig=orig, reply=reply))
            assert kernel.passes(data) is not is_denied(matcher, data), (number, port)


def test_too_many_rules() -> None:
    texts = [
        f"deny orig_src 2001:db8:{number:x}::/48 proto udp reply_sport 1-7,{number + 9}"
        for number in range(500)
    ]
    with pytest.raises(ProgramTooLong, match=r"instructions, of 4,096 at most"):
        compile_rules(rules(*texts))


def test_the_tuples_tell_a_translation_as_the_status_does() -> None:
    """In each message that the kernel sent: of NEW, DESTROY and the entries of dumps."""
    seen = set()
    for data in CAPTURED:
        layout = learn(data)
        leaves = dict(zip(layout.columns, layout.leaves.unpack_from(data), strict=True))
        status = int.from_bytes(leaves["status"], "big")
        told = bool(status & STATUS_SRC_NAT), bool(status & STATUS_DST_NAT)
        assert find_translation(layout.proto, leaves) == told
        seen.add((layout.kind, *told))
    for kind in (Kind.NEW, Kind.DESTROY, Kind.DUMP):
        assert {(kind, False, False), (kind, True, False), (kind, False, True)} <= seen


def connections() -> list[list[bytes]]:
    """The captured messages of each connection that has a NEW and a DESTROY."""
    found = defaultdict(list)
    for one in CAPTURED:
        layout = learn(one)
        leaves = dict(zip(layout.columns, layout.leaves.unpack_from(one), strict=True))
        names = ("ct_id", "orig_src", "orig_sport", "zone")
        found[layout.proto, *(leaves.get(name) for name in names)].append((layout.kind, one))
    return [
        [one for _, one in messages]
        for messages in found.values()
        if {kind for kind, _ in messages} >= {Kind.NEW, Kind.DESTROY}
    ]


CONNECTIONS = connections()


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_all_messages_of_a_connection_get_one_answer(data: st.DataObject) -> None:
    assert len(CONNECTIONS) > 20
    chosen = data.draw(st.sampled_from(CONNECTIONS))
    matcher = Matcher(data.draw(rule_sets_about(entry_of(chosen[0]))))
    assert len({decide(matcher, one) for one in chosen}) == 1


def test_an_icmp_id_is_no_port(kernel: KernelFilter) -> None:
    """Neither for a condition on ports, nor for what was translated."""
    entry = Entry(
        Kind.NEW, ICMP, Side(CLIENT, SERVER, icmp=(77, 8, 0)),
        Side(SERVER, CLIENT, icmp=(78, 0, 0)), 1,
    )  # fmt: skip
    for text in ("deny orig_sport 77", "deny reply_dport 78", "deny nat_only"):
        agree(kernel, rules(text), build(entry))
        assert not is_denied(Matcher(rules(text)), build(entry)), text
