"""Addresses, networks, spans of seconds and protocols as people write them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctaudit.conntrack.endpoint import Address, Endpoint
from ctaudit.errors import UsageError
from ctaudit.query.notation import (
    parse_endpoint,
    parse_network,
    parse_protocol,
    parse_within,
)
from tests.unit.garbage import GARBAGE


@pytest.mark.parametrize(
    ("text", "address", "port"),
    [
        ("1.2.3.4:53500", "1.2.3.4", 53500),
        ("1.2.3.4", "1.2.3.4", None),
        ("[2001:db8::1]:443", "2001:db8::1", 443),
        ("[2001:db8::1]", "2001:db8::1", None),
        ("2001:db8::1", "2001:db8::1", None),
        ("::ffff:1.2.3.4", "1.2.3.4", None),
        ("[::ffff:1.2.3.4]:80", "1.2.3.4", 80),
        ("1.2.3.4:0", "1.2.3.4", 0),
        ("1.2.3.4:65535", "1.2.3.4", 65535),
        ("1.2.3.4 port 53500", "1.2.3.4", 53500),
        ("2001:db8::1 port 22", "2001:db8::1", 22),
        ("1.2.3.4#53500", "1.2.3.4", 53500),
        ("2001:db8::1#53", "2001:db8::1", 53),
        ("[1.2.3.4]:53500", "1.2.3.4", 53500),
        ("[1.2.3.4]", "1.2.3.4", None),
        ("1.2.3.4.53500", "1.2.3.4", 53500),
        ("2001:db8::1.443", "2001:db8::1", 443),
        ("2001:db8::.443", "2001:db8::", 443),
        ("::ffff:1.2.3.4.443", "1.2.3.4", 443),
        ("2001:db8::1:22", "2001:db8::1:22", None),
        ("1.2.3.4 id 4711", "1.2.3.4", 4711),
        ("2001:db8::1 id 4711", "2001:db8::1", 4711),
        ("1.2.3.4 key 7", "1.2.3.4", 7),
        ("1.2.3.4, port 53500", "1.2.3.4", 53500),
        ("1.2.3.4(53500)", "1.2.3.4", 53500),
        ("[2001:db8::1] port 443", "2001:db8::1", 443),
        ("[2001:db8::1].443", "2001:db8::1", 443),
        ("::ffff:1.2.3.4:443", "1.2.3.4", 443),
        (" 1.2.3.4:53500 ", "1.2.3.4", 53500),
    ],
)
def test_endpoint(text: str, address: str, port: int | None) -> None:
    assert parse_endpoint(text, "X") == Endpoint(ip_address(address), port)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "not an address"),
        ("gw.example.org:443", "not an address"),
        ("1.2.3:443", "not an address"),
        ("1.2.3.4.5.6", "not an address"),
        ("1.2.3.4.70000", "the port"),
        ("1.2.3.4 port", "not an address"),
        ("1.2.3.4 port x", "the port"),
        ("1.2.3.4#", "the port"),
        ("1.2.3.4  port 5", "not an address"),
        ("unknown[1.2.3.4]:5", "not an address"),
        ("2001:db8::1.2.3", "not an address"),
        ("[2001:db8::1]443", "not an address"),
        ("[2001:db8::1]:", "the port"),
        ("1.2.3.4:", "the port"),
        ("1.2.3.4:65536", "the port"),
        ("1.2.3.4:-1", "the port"),
        ("1.2.3.4:٤٤٣", "the port"),
        ("1.2.3.4:443 x", "the port"),
        ("1.2.3.4 53500", "not an address"),
        ("1.2.3.4/22", "not an address"),
        ("[fe80::1%eth0]:443", "zone index %eth0"),
    ],
)
def test_endpoint_refused(text: str, says: str) -> None:
    with pytest.raises(UsageError, match=says) as caught:
        parse_endpoint(text, "ADDRESS:PORT")
    assert str(caught.value).startswith(f"ADDRESS:PORT {text!r}: ")


@given(st.ip_addresses(), st.none() | st.integers(0, 65535))
def test_endpoint_round_trip(address: Address, port: int | None) -> None:
    read = parse_endpoint(str(Endpoint(address, port)), "X")
    mapped = getattr(address, "ipv4_mapped", None)
    if getattr(address, "scope_id", None) is None:
        assert read == Endpoint(mapped or address, port)


@given(st.ip_addresses(v=4) | st.ip_addresses(v=6), st.integers(0, 65535))
def test_every_notation_of_an_endpoint_has_one_meaning(address: Address, port: int) -> None:
    meant = parse_endpoint(str(Endpoint(address, port)), "X")
    for written in (f"{address} port {port}", f"{address}#{port}", f"[{address}]:{port}"):
        assert parse_endpoint(written, "X") == meant
    if address.version == 4 or "." not in str(address):
        assert parse_endpoint(f"{address}.{port}", "X") == meant


@pytest.mark.parametrize(
    ("text", "number"),
    [("tcp", 6), ("UDP", 17), ("icmp", 1), ("icmpv6", 58), ("ipv6-icmp", 58), ("sctp", 132),
     ("gre", 47), ("dccp", 33), ("udplite", 136), ("esp", 50), ("0", 0), ("255", 255)],
)  # fmt: skip
def test_protocol(text: str, number: int) -> None:
    assert parse_protocol(text) == number


@pytest.mark.parametrize("text", ["", "tcpp", "256", "-1", "6.0", "٦"])
def test_protocol_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"from 0 to 255 or one of .*tcp.*udp"):
        parse_protocol(text)


def test_network() -> None:
    assert parse_network(None, "--host") is None
    assert parse_network("192.168.1.0/24", "--host") == ip_network("192.168.1.0/24")
    assert parse_network("192.168.1.129", "--host") == ip_network("192.168.1.129/32")
    with pytest.raises(UsageError, match=r"has host bits set; did you mean 192.168.1.0/24\?$"):
        parse_network("192.168.1.129/24", "--host")
    with pytest.raises(UsageError, match="not a network"):
        parse_network("192.168.1.0/33", "--host")


def test_a_mapped_network_is_one_of_ipv4() -> None:
    assert parse_network("::ffff:192.168.1.129", "--host") == ip_network("192.168.1.129/32")
    assert parse_network("::ffff:192.168.1.0/120", "--host") == ip_network("192.168.1.0/24")
    assert parse_network("::/0", "--host") == ip_network("::/0")


def test_a_network_has_no_zone_index() -> None:
    """PostgreSQL's cidr has none, and would fail where the call is wrong."""
    with pytest.raises(UsageError, match=r"leave out the zone index %eth0$"):
        parse_network("fe80::1%eth0", "--host")


@pytest.mark.parametrize(("text", "seconds"), [("0", 0), ("2", 2), ("0.5", 0.5), (".5", 0.5)])
def test_within(text: str, seconds: float) -> None:
    assert parse_within(text) == seconds


@pytest.mark.parametrize("text", ["", "-1", "nan", "inf", "1e3", "1s", "99999999999", "٣", "."])
def test_within_refused(text: str) -> None:
    with pytest.raises(UsageError, match="must be seconds from 0 to"):
        parse_within(text)


PARSERS: list[Callable[[str], object]] = [
    lambda text: parse_endpoint(text, "X"),
    lambda text: parse_network(text, "X"),
    parse_protocol,
    parse_within,
]


@given(st.sampled_from(PARSERS), GARBAGE)
def test_garbage_is_a_usage_error(parse: Callable[[str], object], text: str) -> None:
    with suppress(UsageError):
        parse(text)
