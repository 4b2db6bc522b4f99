"""Which addresses a rule is about: those that it matches, and those that it translates to.

Only comparisons for equality are understood; where a rule compares in another way, such as with
a set or a map, that is said. Sources in include/uapi/linux/netfilter: nf_tables.h, nf_nat.h.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import (
    IPv4Network,
    IPv6Network,
    ip_address,
    ip_network,
    summarize_address_range,
)
from itertools import islice
from typing import Any

Network = IPv4Network | IPv6Network
Expression = tuple[str, Mapping[str, Any]]

# Offset in the header: which address of IPv4 or IPv6, and its bytes.
_FIELDS = {12: ("source", 4), 16: ("destination", 4), 8: ("source", 16), 24: ("destination", 16)}
_LOOPBACK = {
    "NFT_META_IIF": (1).to_bytes(4, sys.byteorder),
    "NFT_META_OIF": (1).to_bytes(4, sys.byteorder),
    "NFT_META_IIFNAME": b"lo",
    "NFT_META_OIFNAME": b"lo",
}
_NPT = struct.Struct("16s16sBB")  # struct ip6t_npt_tg_info: source and target prefix, their bits
_MOST_NETWORKS = 64  # of one range
_MAP_ADDRESSES = 0x1  # NF_NAT_RANGE_MAP_IPS
_TO_SOURCE, _FROM_DESTINATION = {"SNAT", "NETMAP"}, {"DNAT", "NETMAP", "REDIRECT"}


@dataclass(frozen=True)
class RuleAddresses:
    """``sources``, ``destinations``: what a packet's addresses are compared with for equality.

    ``unread``: of which of the two ("source", "destination") there is another comparison.
    ``written``: what the rule, or the expressions before a translation, puts in their place;
    None: it cannot be told. ``translates``: "source", "destination" by conntrack.
    """

    sources: tuple[Network, ...] = ()
    destinations: tuple[Network, ...] = ()
    unread: frozenset[str] = frozenset()
    written: tuple[Network, ...] | None = ()
    translates: frozenset[str] = frozenset()
    is_loopback: bool = False
    jumps: bool = False

    @property
    def matched(self) -> tuple[Network, ...]:
        return self.sources + self.destinations


@dataclass
class _Reader:
    """What the registers hold while the expressions of one rule are walked."""

    loaded: dict[str, tuple[str, int, int]] = field(default_factory=dict)
    masks: dict[str, bytes] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    values: dict[str, bytes] = field(default_factory=dict)
    found: dict[str, list[Network]] = field(
        default_factory=lambda: {"source": [], "destination": []}
    )
    unread: set[str] = field(default_factory=set)
    written: list[Network] | None = field(default_factory=list)
    translates: set[str] = field(default_factory=set)
    is_loopback: bool = False
    jumps: bool = False

    def forget(self, register: str) -> None:
        for held in (self.loaded, self.masks, self.keys, self.values):
            held.pop(register, None)

    def write(self, networks: Iterable[Network] | None) -> None:
        if networks is None or self.written is None:
            self.written = None
        else:
            self.written.extend(networks)


def read_addresses_of(family: str, expressions: Iterable[Expression]) -> RuleAddresses:
    """``family``: that of the rule's table, in nft's word."""
    reader = _Reader()
    for name, attributes in expressions:
        _read_expression(reader, family, name, attributes)
    return RuleAddresses(
        tuple(reader.found["source"]),
        tuple(reader.found["destination"]),
        frozenset(reader.unread),
        None if reader.written is None else tuple(reader.written),
        frozenset(reader.translates),
        reader.is_loopback,
        reader.jumps,
    )


def _read_expression(
    reader: _Reader, family: str, name: str, attributes: Mapping[str, Any]
) -> None:
    if name in ("nat", "redir", "tproxy", "target"):
        _read_translation(reader, family, name, attributes)
    elif attributes.get("NFTA_PAYLOAD_SREG"):
        if _FIELDS.get(attributes.get("NFTA_PAYLOAD_OFFSET", -1)):
            value = reader.values.get(attributes["NFTA_PAYLOAD_SREG"])
            reader.write(None if value is None else _to_networks(value, value))
    elif name in ("payload", "meta", "immediate"):
        _read_load(reader, attributes)
    else:
        _read_condition(reader, name, attributes)


def _read_load(reader: _Reader, attributes: Mapping[str, Any]) -> None:
    match attributes:
        case {"NFTA_PAYLOAD_DREG": str(register)}:
            reader.forget(register)
            place = _FIELDS.get(attributes.get("NFTA_PAYLOAD_OFFSET", -1))
            if attributes.get("NFTA_PAYLOAD_BASE") == "NFT_PAYLOAD_NETWORK_HEADER" and place:
                reader.loaded[register] = (*place, attributes["NFTA_PAYLOAD_LEN"])
        case {"NFTA_META_KEY": key, "NFTA_META_DREG": str(register)}:
            reader.forget(register)
            reader.keys[register] = key
        case {"NFTA_IMMEDIATE_DREG": str(register), "NFTA_IMMEDIATE_DATA": data}:
            reader.forget(register)
            reader.jumps |= "NFTA_VERDICT_CHAIN" in data.get("NFTA_DATA_VERDICT", {})
            if isinstance(data.get("NFTA_DATA_VALUE"), bytes):
                reader.values[register] = data["NFTA_DATA_VALUE"]


def _read_condition(reader: _Reader, name: str, attributes: Mapping[str, Any]) -> None:
    match name, attributes:
        case "bitwise", {
            "NFTA_BITWISE_SREG": source,
            "NFTA_BITWISE_DREG": target,
            "NFTA_BITWISE_MASK": {"NFTA_DATA_VALUE": bytes(mask)},
        } if source == target and source in reader.loaded:
            reader.masks[source] = mask
        case "cmp", {
            "NFTA_CMP_SREG": register,
            "NFTA_CMP_OP": operator,
            "NFTA_CMP_DATA": {"NFTA_DATA_VALUE": bytes(value)},
        }:
            _read_comparison(reader, register, operator == "NFT_CMP_EQ", value)
        case _:
            for key, register in attributes.items():
                if "SREG" in key and register in reader.loaded:
                    reader.unread.add(reader.loaded[register][0])
            reader.forget(attributes.get("NFTA_LOOKUP_DREG", ""))


def _read_translation(
    reader: _Reader, family: str, name: str, attributes: Mapping[str, Any]
) -> None:
    match name, attributes:
        case "nat", {"NFTA_NAT_TYPE": "NFT_NAT_SNAT"}:
            reader.translates.add("source")
            reader.write(_read_range(reader, attributes))
        case "target", {"NFTA_TARGET_NAME": target}:
            _read_target(reader, family, target, attributes)
        case _:
            reader.translates.add("destination")


def _read_comparison(reader: _Reader, register: str, is_equal: bool, value: bytes) -> None:
    if register in reader.keys:
        wanted = _LOOPBACK.get(reader.keys[register])
        reader.is_loopback |= (
            is_equal and wanted is not None and value.rstrip(b"\0") == (wanted.rstrip(b"\0"))
        )
    if register not in reader.loaded:
        return
    side, size, length = reader.loaded[register]
    network = _to_network(value, reader.masks.get(register), size) if length <= size else None
    if is_equal and network is not None:
        reader.found[side].append(network)
    else:
        reader.unread.add(side)


def _to_network(value: bytes, mask: bytes | None, size: int) -> Network | None:
    """Where a prefix ends with a byte, nft loads only the bytes that it covers."""
    number = int.from_bytes(mask or b"\xff" * len(value), "big")
    bits = f"{number:b}".rstrip("0")
    if "0" in bits or len(value) > size:
        return None
    return ip_network((value.ljust(size, b"\0"), len(bits)), strict=False)


def _to_networks(first: bytes, last: bytes) -> list[Network] | None:
    """The networks of a range of addresses; None where they are many, or no addresses."""
    if len(first) not in (4, 16) or len(first) != len(last) or first > last:
        return None
    between = summarize_address_range(ip_address(first), ip_address(last))
    networks: list[Network] = list(islice(between, _MOST_NETWORKS + 1))
    return networks if len(networks) <= _MOST_NETWORKS else None


def _read_range(reader: _Reader, attributes: Mapping[str, Any]) -> list[Network] | None:
    """The addresses in the registers of a nat expression; none where it sets ports alone."""
    if "NFTA_NAT_REG_ADDR_MIN" not in attributes:
        return []
    least = attributes["NFTA_NAT_REG_ADDR_MIN"]
    first = reader.values.get(least)
    last = reader.values.get(attributes.get("NFTA_NAT_REG_ADDR_MAX", least))
    return None if first is None or last is None else _to_networks(first, last)


def _read_target(reader: _Reader, family: str, name: str, attributes: Mapping[str, Any]) -> None:
    """Of x_tables: struct nf_nat_ipv4_multi_range_compat begins with a count, nf_nat_range not."""
    info = bytes.fromhex(attributes.get("NFTA_TARGET_INFO", "").replace(":", ""))
    if name in ("SNPT", "DNPT"):
        source, target, source_bits, target_bits = _NPT.unpack_from(info)
        prefixes = (source, source_bits), (target, target_bits)
        reader.write([IPv6Network(prefix, strict=False) for prefix in prefixes])
    if name in _FROM_DESTINATION:
        reader.translates.add("destination")
    if name not in _TO_SOURCE:
        return
    reader.translates.add("source")
    is_old = attributes.get("NFTA_TARGET_REV") == 0 and family == "ip"
    size = 16 if family == "ip6" else 4
    (flags,) = struct.unpack_from("=I", info, 4 if is_old else 0)
    at = 8 if is_old else 4
    step = 4 if is_old else 16
    if flags & _MAP_ADDRESSES:
        reader.write(_to_networks(info[at : at + size], info[at + step : at + step + size]))


def find_public(tables: Mapping[Any, Iterable[RuleAddresses]]) -> tuple[Network, ...] | None:
    """The addresses that translations make of others, and that they forward; by table.

    None: it cannot be told, since a rule compares in a way that is not understood. A chain that
    forwards may be jumped to from a rule that matches the address.
    """
    found: list[Network] = []
    for rules in map(list, tables.values()):
        forwards = any("destination" in rule.translates for rule in rules)
        for rule in rules:
            if "source" in rule.translates:
                if rule.written is None:
                    return None
                found += rule.written
            if "destination" in rule.translates or (forwards and rule.jumps):
                if "destination" in rule.unread:
                    return None
                found += rule.destinations
    return tuple(found)


def find_hidden(
    family: str, rule: RuleAddresses, *, rewrites: bool, translated: bool = False
) -> Iterator[Network]:
    """The networks of the connections that a rule keeps from conntrack, or translates without.

    ``translated``: conntrack may translate them, into whatever address: only events are hidden.
    """
    if rule.is_loopback:
        return
    written = rule.written if rewrites else ()
    if rule.matched and written is not None and not translated:
        yield from rule.matched + written
        return
    if family != "ip6":
        yield IPv4Network("0.0.0.0/0")
    if family != "ip":
        yield IPv6Network("::/0")
