"""What each expression of a rule comes to, from values, and from a message's bytes."""

from __future__ import annotations

import struct
import sys
from typing import Any

import pytest
from pyroute2.netlink.exceptions import NetlinkDumpInterrupted, NetlinkError
from pyroute2.netlink.nfnetlink.nftsocket import nft_flowtable_msg, nft_rule_msg

from ctaudit.admin import ruleset
from ctaudit.admin.rule_addresses import Expression
from ctaudit.admin.ruleset import Action, Effect, Flowtable, Rule, find_effects
from tests.unit.messages import attribute, nest

NETWORK, TRANSPORT = "NFT_PAYLOAD_NETWORK_HEADER", "NFT_PAYLOAD_TRANSPORT_HEADER"
MASK = (5).to_bytes(4, sys.byteorder)
FULLY, RANDOM = "NF_NAT_RANGE_PROTO_RANDOM_FULLY", "NF_NAT_RANGE_PROTO_RANDOM"


def write(base: str, offset: int, length: int) -> Expression:
    return "payload", {
        "NFTA_PAYLOAD_SREG": "NFT_REG_1",
        "NFTA_PAYLOAD_BASE": base,
        "NFTA_PAYLOAD_OFFSET": offset,
        "NFTA_PAYLOAD_LEN": length,
    }


def load(base: str, offset: int, length: int) -> Expression:
    name, values = write(base, offset, length)
    return name, {"NFTA_PAYLOAD_DREG": "NFT_REG_1", **values, "NFTA_PAYLOAD_SREG": None}


def put(value: bytes) -> Expression:
    data = {"NFTA_DATA_VALUE": value}
    return "immediate", {"NFTA_IMMEDIATE_DREG": "NFT_REG_1", "NFTA_IMMEDIATE_DATA": data}


def set_ct(key: str) -> Expression:
    return "ct", {"NFTA_CT_SREG": "NFT_REG_1", "NFTA_CT_KEY": key}


def target(name: str, revision: int, info: bytes) -> Expression:
    return "target", {
        "NFTA_TARGET_NAME": name,
        "NFTA_TARGET_REV": revision,
        "NFTA_TARGET_INFO": info.hex(":"),
    }


def nat(kind: str, *flags: str) -> Expression:
    return "nat", {"NFTA_NAT_TYPE": kind, "NFTA_NAT_FLAGS": frozenset(flags)}


REWRITE, PORTS = Effect(Action.REWRITE), Effect(Action.RANDOM_PORTS)
NOTRACK = Effect(Action.NOTRACK)


@pytest.mark.parametrize(
    ("expressions", "effects"),
    [
        ([("notrack", {})], [NOTRACK]),
        ([("counter", {}), put(b"\1")], []),
        ([put(MASK), set_ct("NFT_CT_EVENTMASK")], [Effect(Action.EVENTS, events=5)]),
        ([("lookup", {}), set_ct("NFT_CT_EVENTMASK")], [Effect(Action.EVENTS)]),
        ([put(MASK), set_ct("NFT_CT_MARK")], []),
        ([("ct", {"NFTA_CT_DREG": "NFT_REG_1", "NFTA_CT_KEY": "NFT_CT_EVENTMASK"})], []),
        ([put(b"1234"), write(NETWORK, 12, 4)], [REWRITE]),
        ([write(NETWORK, 16, 4)], [REWRITE]),
        ([write(NETWORK, 8, 16)], [REWRITE]),
        ([write(NETWORK, 24, 16)], [REWRITE]),
        ([write(TRANSPORT, 2, 2)], [REWRITE]),
        ([write(NETWORK, 8, 2)], []),
        ([write(TRANSPORT, 12, 2)], []),
        ([write("NFT_PAYLOAD_LL_HEADER", 0, 2)], []),
        ([("masq", {})], []),
        ([("masq", {"NFTA_MASQ_FLAGS": frozenset({FULLY})})], [PORTS]),
        ([("masq", {"NFTA_MASQ_FLAGS": frozenset({RANDOM})})], [PORTS]),
        ([("masq", {"NFTA_MASQ_FLAGS": frozenset({"NF_NAT_RANGE_PERSISTENT"})})], []),
        ([nat("NFT_NAT_SNAT", FULLY, "NF_NAT_RANGE_MAP_IPS")], [PORTS]),
        ([nat("NFT_NAT_SNAT", "NF_NAT_RANGE_MAP_IPS")], []),
        ([nat("NFT_NAT_DNAT", FULLY)], []),
        ([("flow_offload", {"": "08:00:01:00:66:74:32:00"})],
         [Effect(Action.OFFLOAD, flowtable="ft2")]),
        ([("flow_offload", {"NFTA_FLOW_TABLE_NAME": "ft"})],
         [Effect(Action.OFFLOAD, flowtable="ft")]),
        ([("notrack", {}), write(NETWORK, 16, 4)], [NOTRACK, REWRITE]),
    ],
)  # fmt: skip
def test_effects(expressions: list[Expression], effects: list[Effect]) -> None:
    assert list(find_effects("inet", expressions)) == effects


def test_a_load_is_no_rewrite() -> None:
    name, values = load(NETWORK, 12, 4)
    values = {key: value for key, value in values.items() if value is not None}
    assert list(find_effects("ip", [(name, values)])) == []


@pytest.mark.parametrize(
    ("family", "expression", "effects"),
    [
        ("ip", target("CT", 2, struct.pack("=HHI64x", 1, 0, 0)), [NOTRACK]),
        ("ip", target("CT", 2, struct.pack("=HHI64x", 0, 3, 0)), []),
        ("ip6", target("CT", 2, struct.pack("=HHI64x", 0, 0, 5)),
         [Effect(Action.EVENTS, events=5)]),
        ("ip", target("NOTRACK", 0, b""), [NOTRACK]),
        ("ip", target("MASQUERADE", 0, struct.pack("=II16x", 1, 0x10)), [PORTS]),
        ("ip", target("MASQUERADE", 0, struct.pack("=II16x", 0x10, 0)), []),
        ("ip6", target("MASQUERADE", 0, struct.pack("=I36x", 0x10)), [PORTS]),
        ("ip", target("SNAT", 0, struct.pack("=II16x", 1, 0x5)), [PORTS]),
        ("ip", target("SNAT", 2, struct.pack("=I40x", 0x11)), [PORTS]),
        ("ip6", target("SNAT", 1, struct.pack("=I36x", 0x1)), []),
        ("ip", target("DSCP", 0, bytes(8)), []),
    ],
)  # fmt: skip
def test_effects_of_iptables_targets(
    family: str, expression: Expression, effects: list[Effect]
) -> None:
    assert list(find_effects(family, [expression])) == effects


def test_a_dump_is_asked_for_again_where_it_was_interrupted() -> None:
    answers: list[Any] = [NetlinkDumpInterrupted(), NetlinkDumpInterrupted(), ["rule"]]

    def ask() -> list[str]:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return list(answer)

    assert ruleset._dump(ask) == ["rule"]
    answers += [NetlinkDumpInterrupted()] * 3
    with pytest.raises(NetlinkError):
        ruleset._dump(ask)
    assert answers == []


def received(kind: Any, family: int, body: bytes) -> Any:
    """A message as pyroute2 gives it."""
    data = struct.pack("=IHHIIBBH", 20 + len(body), 0, 0, 0, 0, family, 0, 0) + body
    message = kind(data)
    message.decode()
    return message


def named(number: int, text: str) -> bytes:
    return attribute(number, text.encode() + b"\0")


def test_rule_that_offloads() -> None:
    """As the kernel lists ``flow add @ft2``; a kernel without flowtables cannot be asked for it."""
    offload = nest(1, [named(1, "flow_offload"), nest(2, [named(1, "ft2")])])
    body = (
        named(1, "t")
        + named(2, "forwards")
        + attribute(3, (7).to_bytes(8, "big"))
        + nest(4, [offload])
    )
    read = ruleset._read_rule(received(nft_rule_msg, 1, body))
    assert read == Rule("inet", "t", "forwards", 7, (Effect(Action.OFFLOAD, flowtable="ft2"),))


def test_rule_with_what_pyroute2_cannot_decode() -> None:
    """It has no type for an attribute of fwd, and gives all expressions as bytes then."""
    forward = nest(1, [named(1, "fwd"), nest(2, [attribute(3, bytes(4))])])
    mask = nest(2, [attribute(1, b"\0\0\0\1"), nest(2, [attribute(1, MASK)])])
    put_mask = nest(1, [named(1, "immediate"), mask])
    key = (0x12).to_bytes(4, "big")
    events = nest(2, [attribute(2, key), attribute(4, b"\0\0\0\1")])
    set_events = nest(1, [named(1, "ct"), events])
    notrack = nest(1, [named(1, "notrack")])
    body = named(1, "n") + named(2, "in") + attribute(3, (2).to_bytes(8, "big"))
    message = received(nft_rule_msg, 5, body + nest(4, [put_mask, set_events, forward, notrack]))
    assert isinstance(message.get_attr("NFTA_RULE_EXPRESSIONS"), bytes)
    effects = ruleset._read_rule(message).effects
    assert effects == (Effect(Action.EVENTS, events=5), NOTRACK)


@pytest.mark.parametrize(("flags", "counts"), [(None, False), (0, False), (1, False), (2, True)])
def test_flowtable(flags: int | None, counts: bool) -> None:
    body = named(1, "t") + named(2, "ft2")
    if flags is not None:
        body += attribute(7, flags.to_bytes(4, "big"))
    read = ruleset._read_flowtable(received(nft_flowtable_msg, 2, body))
    assert read == Flowtable("ip", "t", "ft2", counts)
