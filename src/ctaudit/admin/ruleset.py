"""What the nftables rules of the caller's network namespace do that hides connections.

Read through pyroute2, with what iptables-nft has written among them. Sources in
include/uapi/linux/netfilter: nf_tables.h, nf_nat.h, x_tables' xt_CT.h.
"""

from __future__ import annotations

import logging
import struct
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from pyroute2.netlink.exceptions import NetlinkDumpInterrupted, NetlinkError
from pyroute2.netlink.nfnetlink import nfgen_msg
from pyroute2.netlink.nfnetlink.nftsocket import NFT_MSG_GETFLOWTABLE, nft_rule_msg
from pyroute2.nftables.main import NFTables

from ctaudit.admin.rule_addresses import Expression, RuleAddresses, read_addresses_of
from ctaudit.conntrack.layout import NFGEN_SIZE
from ctaudit.conntrack.nlmsg import HEADER, align

# It logs a traceback for what it cannot decode.
logging.getLogger("pyroute2").setLevel(logging.CRITICAL)

_FAMILIES = {1: "inet", 2: "ip", 3: "arp", 5: "netdev", 7: "bridge", 10: "ip6"}  # NFPROTO_
_ANY_FAMILY = 0  # NFPROTO_UNSPEC
_TRIES = 3

# Where the addresses stand in an IPv4 and an IPv6 header, and the ports in what follows:
# offset and length in bytes.
_ADDRESSES = {(12, 4), (16, 4), (12, 8), (8, 16), (24, 16), (8, 32)}
_PORTS = {(0, 2), (2, 2), (0, 4)}
_RANDOM = {"NF_NAT_RANGE_PROTO_RANDOM", "NF_NAT_RANGE_PROTO_RANDOM_FULLY"}
_RANDOM_BITS = 0x4 | 0x10
_CT_TARGET = struct.Struct("=HHI")  # struct xt_ct_target_info: flags, zone, ct_events
_CT_NOTRACK = 0x1

_ATTRIBUTE = struct.Struct("=HH")  # struct nlattr: length, type
_NESTED, _TYPE_MASK = 0x8000, 0x3FFF  # NLA_F_NESTED, NLA_TYPE_MASK
_EXPRESSIONS, _LIST_ELEMENT, _NAME = 4, 1, 1  # NFTA_RULE_EXPRESSIONS, _LIST_ELEM, _EXPR_NAME

Attributes = Mapping[str, Any]


class Action(StrEnum):
    """What hides connections or makes them ambiguous, in nft's words."""

    NOTRACK = "notrack"
    EVENTS = "ct event"
    RANDOM_PORTS = "random ports"
    OFFLOAD = "flow add"
    REWRITE = "stateless NAT"


@dataclass(frozen=True)
class Effect:
    """``events``: the bits (IPCT_) of the events that remain, None where the rule computes them.

    ``flowtable``: the one that an OFFLOAD hands connections to.
    """

    action: Action
    events: int | None = None
    flowtable: str | None = None


@dataclass(frozen=True)
class Rule:
    """A rule with such effects, and how nft names it."""

    family: str
    table: str
    chain: str
    handle: int
    effects: tuple[Effect, ...]
    addresses: RuleAddresses = RuleAddresses()

    def __str__(self) -> str:
        return f"{self.family} {self.table} {self.chain} handle {self.handle}"


@dataclass(frozen=True)
class Flowtable:
    """``counts``: it keeps the counters of conntrack (flag ``counter``)."""

    family: str
    table: str
    name: str
    counts: bool


@dataclass(frozen=True)
class Ruleset:
    """``rules``: only those with an effect, of ``total`` that there are.

    ``by_table``: what every rule says of addresses, by family and table.
    """

    total: int
    rules: tuple[Rule, ...]
    flowtables: tuple[Flowtable, ...]
    by_table: Mapping[tuple[str, str], Sequence[RuleAddresses]] = field(default_factory=dict)


def read_ruleset() -> Ruleset:
    """Raises OSError: EPERM without CAP_NET_ADMIN, EINVAL from a kernel without nftables."""
    try:
        with NFTables(nfgen_family=_ANY_FAMILY) as kernel:
            messages = _dump(kernel.get_rules)
            flowtables = _dump(lambda: kernel.request_get(nfgen_msg(), NFT_MSG_GETFLOWTABLE))
    except NetlinkError as error:
        raise OSError(error.code, str(error)) from None
    rules = [_read_rule(message) for message in messages]
    by_table: dict[tuple[str, str], list[RuleAddresses]] = {}
    for rule in rules:
        by_table.setdefault((rule.family, rule.table), []).append(rule.addresses)
    return Ruleset(
        len(messages),
        tuple(rule for rule in rules if rule.effects),
        tuple(_read_flowtable(message) for message in flowtables),
        by_table,
    )


def _dump(ask: Callable[[], Iterable[Any]]) -> list[Any]:
    """The kernel's answer; asked again where the rules were changed meanwhile."""
    for _ in range(_TRIES - 1):
        try:
            return list(ask())
        except NetlinkDumpInterrupted:
            continue
    return list(ask())


def _read_rule(message: Any) -> Rule:
    family, expressions = _name_family(message), list(_list_expressions(message))
    return Rule(
        family,
        message.get_attr("NFTA_RULE_TABLE"),
        message.get_attr("NFTA_RULE_CHAIN"),
        message.get_attr("NFTA_RULE_HANDLE"),
        tuple(find_effects(family, expressions)),
        read_addresses_of(family, expressions),
    )


def _list_expressions(message: Any) -> Iterator[Expression]:
    """All that pyroute2 can decode: of what it cannot, such as fwd, only the name is known."""
    listed = message.get_attr("NFTA_RULE_EXPRESSIONS")
    if not isinstance(listed, bytes):
        for each in listed or ():
            yield each.get_attr("NFTA_EXPR_NAME"), _read_attributes(each.get_attr("NFTA_EXPR_DATA"))
        return
    # Where it cannot decode one of them it gives the bytes of all; each is decoded alone then.
    for _, expression in _split_attributes(listed[_ATTRIBUTE.size :]):
        alone = _decode_rule(_nest(_EXPRESSIONS, _nest(_LIST_ELEMENT, expression)))
        if isinstance(alone.get_attr("NFTA_RULE_EXPRESSIONS"), bytes):
            yield dict(_split_attributes(expression))[_NAME].rstrip(b"\0").decode(), {}
        else:
            yield from _list_expressions(alone)


def _decode_rule(attributes: bytes) -> Any:
    size = HEADER.size + NFGEN_SIZE + len(attributes)
    message = nft_rule_msg(HEADER.pack(size, 0, 0, 0, 0) + bytes(NFGEN_SIZE) + attributes)
    message.decode()
    return message


def _split_attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The types and payloads of netlink attributes that stand one after the other."""
    while len(data) >= _ATTRIBUTE.size:
        length, kind = _ATTRIBUTE.unpack_from(data)
        yield kind & _TYPE_MASK, data[_ATTRIBUTE.size : length]
        data = data[align(max(length, _ATTRIBUTE.size)) :]


def _nest(kind: int, payload: bytes) -> bytes:
    return _ATTRIBUTE.pack(_ATTRIBUTE.size + len(payload), kind | _NESTED) + payload


def _read_flowtable(message: Any) -> Flowtable:
    return Flowtable(
        _name_family(message),
        message.get_attr("NFTA_FLOWTABLE_TABLE"),
        message.get_attr("NFTA_FLOWTABLE_NAME"),
        "NFT_FLOWTABLE_COUNTER" in (message.get_attr("NFTA_FLOWTABLE_FLAGS") or ()),
    )


def _name_family(message: Any) -> str:
    number = message["nfgen_family"]
    return _FAMILIES.get(number, str(number))


def _read_attributes(data: Any) -> Attributes:
    """pyroute2's attributes of an expression as a dictionary, nests as dictionaries in it.

    An expression that it does not know stands whole under the empty name, in hexadecimal.
    """
    if isinstance(data, str):
        return {"": data}
    if not hasattr(data, "get_attr"):
        return {}
    return {
        name: _read_attributes(value) if hasattr(value, "get_attr") else value
        for name, value in data["attrs"]
    }


def find_effects(family: str, expressions: Iterable[Expression]) -> Iterator[Effect]:
    """The effects of one rule's expressions, by the names that nf_tables.h has for them."""
    before: Expression = ("", {})
    for expression in expressions:
        match expression:
            case "notrack", _:
                yield Effect(Action.NOTRACK)
            case "ct", {"NFTA_CT_KEY": "NFT_CT_EVENTMASK", "NFTA_CT_SREG": _}:
                yield Effect(Action.EVENTS, events=_read_mask(before))
            case "payload", {"NFTA_PAYLOAD_SREG": _} as written if _is_rewrite(written):
                yield Effect(Action.REWRITE)
            case "masq", {"NFTA_MASQ_FLAGS": flags} if not _RANDOM.isdisjoint(flags):
                yield Effect(Action.RANDOM_PORTS)
            case "nat", {"NFTA_NAT_TYPE": "NFT_NAT_SNAT", "NFTA_NAT_FLAGS": flags} if (
                not _RANDOM.isdisjoint(flags)
            ):
                yield Effect(Action.RANDOM_PORTS)
            case "flow_offload", attributes:
                yield Effect(Action.OFFLOAD, flowtable=_read_name(attributes))
            case "target", attributes:
                yield from _find_target_effects(family, attributes)
        before = expression


def _read_mask(before: Expression) -> int | None:
    """The number that the expression before has put into the register."""
    match before:
        case "immediate", {"NFTA_IMMEDIATE_DATA": {"NFTA_DATA_VALUE": bytes(value)}}:
            return int.from_bytes(value, sys.byteorder)
    return None


def _is_rewrite(written: Attributes) -> bool:
    place = written.get("NFTA_PAYLOAD_OFFSET"), written.get("NFTA_PAYLOAD_LEN")
    match written.get("NFTA_PAYLOAD_BASE"):
        case "NFT_PAYLOAD_NETWORK_HEADER":
            return place in _ADDRESSES
        case "NFT_PAYLOAD_TRANSPORT_HEADER":
            return place in _PORTS
    return False


def _read_name(attributes: Attributes) -> str:
    """NFTA_FLOW_TABLE_NAME; no version of pyroute2 decodes it so far."""
    raw = _read_hexadecimal(attributes.get("", ""))
    return str(attributes.get("NFTA_FLOW_TABLE_NAME") or raw[4:].split(b"\0")[0].decode())


def _read_hexadecimal(text: str) -> bytes:
    """``01:00``, which is how pyroute2 gives what it does not decode."""
    return bytes.fromhex(text.replace(":", ""))


def _find_target_effects(family: str, attributes: Attributes) -> Iterator[Effect]:
    """What a target of x_tables does (xt_CT.h, nf_nat.h)."""
    name, revision = attributes.get("NFTA_TARGET_NAME"), attributes.get("NFTA_TARGET_REV")
    info = _read_hexadecimal(attributes.get("NFTA_TARGET_INFO", ""))
    if name == "NOTRACK":
        yield Effect(Action.NOTRACK)
    elif name in ("SNPT", "DNPT"):
        yield Effect(Action.REWRITE)
    elif name == "CT":
        flags, _, events = _CT_TARGET.unpack_from(info)
        if flags & _CT_NOTRACK:
            yield Effect(Action.NOTRACK)
        if events:
            yield Effect(Action.EVENTS, events=events)
    elif name in ("MASQUERADE", "SNAT"):
        # struct nf_nat_ipv4_multi_range_compat begins with a count, struct nf_nat_range does not.
        at = 4 if revision == 0 and family == "ip" else 0
        if struct.unpack_from("=I", info, at)[0] & _RANDOM_BITS:
            yield Effect(Action.RANDOM_PORTS)
