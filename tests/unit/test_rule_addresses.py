"""Which addresses a rule is about, from its expressions as the kernel gives them."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_network
from typing import Any

import pytest

from ctaudit.admin.rule_addresses import (
    Expression,
    RuleAddresses,
    find_hidden,
    find_public,
    read_addresses_of,
)

SOURCE, DESTINATION = 12, 16
SOURCE6 = 8
EVERYTHING = [ip_network("0.0.0.0/0"), ip_network("::/0")]


def load(offset: int, length: int = 4) -> Expression:
    return "payload", {
        "NFTA_PAYLOAD_DREG": "NFT_REG_1",
        "NFTA_PAYLOAD_BASE": "NFT_PAYLOAD_NETWORK_HEADER",
        "NFTA_PAYLOAD_OFFSET": offset,
        "NFTA_PAYLOAD_LEN": length,
    }


def store(offset: int, length: int = 4) -> Expression:
    _, attributes = load(offset, length)
    changed = {**attributes, "NFTA_PAYLOAD_SREG": "NFT_REG_1"}
    del changed["NFTA_PAYLOAD_DREG"]
    return "payload", changed


def mask(value: bytes) -> Expression:
    return "bitwise", {
        "NFTA_BITWISE_SREG": "NFT_REG_1",
        "NFTA_BITWISE_DREG": "NFT_REG_1",
        "NFTA_BITWISE_MASK": {"NFTA_DATA_VALUE": value},
    }


def compare(value: bytes, operator: str = "EQ") -> Expression:
    return "cmp", {
        "NFTA_CMP_SREG": "NFT_REG_1",
        "NFTA_CMP_OP": f"NFT_CMP_{operator}",
        "NFTA_CMP_DATA": {"NFTA_DATA_VALUE": value},
    }


def put(value: bytes, register: int = 1) -> Expression:
    data = {"NFTA_DATA_VALUE": value}
    return "immediate", {
        "NFTA_IMMEDIATE_DREG": f"NFT_REG_{register}", "NFTA_IMMEDIATE_DATA": data,
    }  # fmt: skip


def translate(kind: str, least: int = 1, most: int = 1) -> Expression:
    return "nat", {
        "NFTA_NAT_TYPE": f"NFT_NAT_{kind}",
        "NFTA_NAT_REG_ADDR_MIN": f"NFT_REG_{least}",
        "NFTA_NAT_REG_ADDR_MAX": f"NFT_REG_{most}",
    }


def meta(key: str) -> Expression:
    return "meta", {"NFTA_META_KEY": f"NFT_META_{key}", "NFTA_META_DREG": "NFT_REG_1"}


def target(name: str, revision: int, info: bytes) -> Expression:
    return "target", {
        "NFTA_TARGET_NAME": name,
        "NFTA_TARGET_REV": revision,
        "NFTA_TARGET_INFO": info.hex(":"),
    }


LOOKUP: Expression = "lookup", {"NFTA_LOOKUP_SET": "s", "NFTA_LOOKUP_SREG": "NFT_REG_1"}
MAP: Expression = "lookup", {**LOOKUP[1], "NFTA_LOOKUP_DREG": "NFT_REG_1"}
JUMP: Expression = (
    "immediate",
    {
        "NFTA_IMMEDIATE_DREG": "NFT_REG_VERDICT",
        "NFTA_IMMEDIATE_DATA": {"NFTA_DATA_VERDICT": {"NFTA_VERDICT_CHAIN": "x"}},
    },
)
SNAT = put(IPv4Address("1.2.3.4").packed), translate("SNAT")


def read(*expressions: Expression, family: str = "inet") -> RuleAddresses:
    return read_addresses_of(family, expressions)


def networks(*texts: str) -> tuple[Any, ...]:
    return tuple(map(ip_network, texts))


@pytest.mark.parametrize(
    ("expressions", "source", "destination", "unread"),
    [
        ([load(SOURCE), compare(b"\x0a\1\2\3")], ["10.1.2.3"], [], ""),
        ([load(SOURCE, 3), compare(b"\x0a\1\2")], ["10.1.2.0/24"], [], ""),
        ([load(SOURCE), mask(b"\xff\xf0\0\0"), compare(b"\x0a\x10\0\0")], ["10.16.0.0/12"], [], ""),
        ([load(DESTINATION), compare(b"\1\2\3\4")], [], ["1.2.3.4"], ""),
        ([load(SOURCE6, 6), compare(bytes.fromhex("20010db80007"))], ["2001:db8:7::/48"], [], ""),
        ([load(SOURCE), compare(b"\x0a\1\2\3", "NEQ")], [], [], "source"),
        ([load(SOURCE), mask(b"\xff\0\xff\0"), compare(b"\x0a\0\2\0")], [], [], "source"),
        ([load(SOURCE, 8), compare(b"\x0a\1\2\3\x0a\1\2\4")], [], [], "source"),
        ([load(DESTINATION), LOOKUP], [], [], "destination"),
        ([load(2, 2), compare(b"\0\x35")], [], [], ""),
        ([load(SOURCE), meta("MARK"), compare(b"\1\0\0\0")], [], [], ""),
    ],
)  # fmt: skip
def test_what_a_rule_matches(
    expressions: list[Expression], source: list[str], destination: list[str], unread: str
) -> None:
    found = read(*expressions)
    assert (found.sources, found.destinations) == (networks(*source), networks(*destination))
    assert found.unread == {unread} - {""}


@pytest.mark.parametrize(
    ("expressions", "written"),
    [
        (SNAT, ["1.2.3.4"]),
        ([put(b"\1\2\3\x10"), put(b"\1\2\3\x1f", 2), translate("SNAT", 1, 2)], ["1.2.3.16/28"]),
        ([put(IPv6Address("2001:db8::4").packed), translate("SNAT")], ["2001:db8::4"]),
        ([("nat", {"NFTA_NAT_TYPE": "NFT_NAT_SNAT"})], []),
        ([load(SOURCE), MAP, translate("SNAT")], None),
        ([put(b"\1\0\0\1"), put(b"\1\xff\0\0", 2), translate("SNAT", 1, 2)], ["many"]),
        ([put(b"\1\2\3\5"), store(SOURCE)], ["1.2.3.5"]),
        ([load(SOURCE), MAP, store(SOURCE)], None),
        ([put(b"\x0a\0\0\1"), translate("DNAT")], []),
    ],
)
def test_what_a_rule_puts_there(expressions: list[Expression], written: list[str] | None) -> None:
    found = read(*expressions).written
    if written == ["many"]:
        assert found is not None and len(found) < 64
    else:
        assert found == (None if written is None else networks(*written))


def test_targets_of_iptables_nft() -> None:
    old = bytes.fromhex("0100000001000000010203040102030600000000 00000000")
    found = read(target("SNAT", 0, old), family="ip")
    assert found.written == networks("1.2.3.4/31", "1.2.3.6")
    new = bytes.fromhex("01000000") + IPv6Address("2001:db8::9").packed * 2 + bytes(4)
    assert read(target("SNAT", 1, new), family="ip6").written == networks("2001:db8::9")
    masqueraded = read(target("MASQUERADE", 0, bytes(24)), family="ip")
    assert (masqueraded.written, masqueraded.translates) == ((), frozenset())
    prefixes = IPv6Address("fd00::").packed + IPv6Address("2001:db8::").packed + bytes([64, 64])
    translated = read(target("SNPT", 0, prefixes + bytes(6)), family="ip6")
    assert translated.written == networks("fd00::/64", "2001:db8::/64")


def test_public_addresses_of_the_rules() -> None:
    forward = read(load(DESTINATION), compare(b"\1\2\3\x09"), translate("DNAT"))
    other = read(load(DESTINATION), compare(b"\x09\x09\x09\x09"))
    assert find_public({"nat": [read(*SNAT), forward, other]}) == networks("1.2.3.4", "1.2.3.9")


def test_a_jump_counts_where_its_table_forwards() -> None:
    jump = read(load(DESTINATION), compare(b"\1\2\3\x09"), JUMP)
    assert find_public({"nat": [jump, read(translate("DNAT"))]}) == networks("1.2.3.9")
    assert find_public({"filter": [jump], "nat": [read(translate("DNAT"))]}) == ()


@pytest.mark.parametrize(
    "rule",
    [
        read(load(SOURCE), MAP, translate("SNAT")),
        read(load(DESTINATION), LOOKUP, translate("DNAT")),
    ],
)
def test_what_cannot_be_told(rule: RuleAddresses) -> None:
    assert find_public({"nat": [read(*SNAT), rule]}) is None


def test_hidden_networks() -> None:
    inner = read(load(SOURCE), compare(b"\x0a\0\0\1"))
    assert list(find_hidden("inet", inner, rewrites=False)) == [ip_network("10.0.0.1")]
    both = read(load(SOURCE), compare(b"\x0a\0\0\1"), put(b"\1\2\3\5"), store(SOURCE))
    assert list(find_hidden("ip", both, rewrites=True)) == [*networks("10.0.0.1", "1.2.3.5")]
    assert list(find_hidden("inet", RuleAddresses(), rewrites=False)) == EVERYTHING
    assert list(find_hidden("ip", RuleAddresses(), rewrites=False)) == EVERYTHING[:1]
    assert list(find_hidden("ip6", RuleAddresses(), rewrites=False)) == EVERYTHING[1:]
    mapped = read(load(SOURCE), compare(b"\x0a\0\0\1"), load(SOURCE), MAP, store(SOURCE))
    assert list(find_hidden("ip", mapped, rewrites=True)) == EVERYTHING[:1]


@pytest.mark.parametrize(("key", "value"), [("IIF", b"\1\0\0\0"), ("OIFNAME", b"lo" + bytes(14))])
def test_what_stays_on_the_host_is_not_hidden(key: str, value: bytes) -> None:
    rule = read(meta(key), compare(value))
    assert rule.is_loopback
    assert list(find_hidden("inet", rule, rewrites=False)) == []
    assert not read(meta(key), compare(b"\2\0\0\0")).is_loopback
