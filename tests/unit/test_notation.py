"""Addresses, networks, times and protocols as people write them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctaudit.conntrack.endpoint import Address, Endpoint
from ctaudit.errors import UsageError
from ctaudit.query.notation import (
    TimeSpan,
    parse_endpoint,
    parse_network,
    parse_past,
    parse_protocol,
    parse_time,
    parse_within,
)
from tests.unit.answers import local_zone
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
        ("1.2.3.4.5", "not an address"),
        ("[1.2.3.4]:443", "brackets are for IPv6"),
        ("[2001:db8::1]443", "not an address"),
        ("[2001:db8::1]:", "the port"),
        ("1.2.3.4:", "the port"),
        ("1.2.3.4:65536", "the port"),
        ("1.2.3.4:-1", "the port"),
        ("1.2.3.4:٤٤٣", "the port"),
        ("1.2.3.4:443 ", "the port"),
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


@pytest.mark.parametrize(
    ("text", "begin", "microseconds"),
    [
        ("2026-02-22T11:59:43Z", (2026, 2, 22, 11, 59, 43), 1_000_000),
        ("2026-02-22t11:59:43z", (2026, 2, 22, 11, 59, 43), 1_000_000),
        ("2026-02-22 12:59:43+01:00", (2026, 2, 22, 11, 59, 43), 1_000_000),
        ("2026-02-22 12:59:43 +01:00", (2026, 2, 22, 11, 59, 43), 1_000_000),
        ("2026-02-21T23:59:43.5-12:00", (2026, 2, 22, 11, 59, 43, 500_000), 100_000),
        ("2026-02-22T11:59:43.25Z", (2026, 2, 22, 11, 59, 43, 250_000), 10_000),
        ("2026-02-22T11:59:43.000Z", (2026, 2, 22, 11, 59, 43), 1_000),
        ("2026-02-22T11:59:43.123456Z", (2026, 2, 22, 11, 59, 43, 123_456), 1),
        ("2026-02-22T11:59:43.123456789Z", (2026, 2, 22, 11, 59, 43, 123_456), 1),
    ],
)
def test_time_with_a_zone(text: str, begin: tuple[int, ...], microseconds: int) -> None:
    span = parse_time(text, "--at")
    assert span.begin == datetime(*begin, tzinfo=UTC)  # type: ignore[arg-type,misc]
    assert span.end - span.begin == timedelta(microseconds=microseconds)


def test_local_time_is_the_zone_of_that_day() -> None:
    with local_zone("Europe/Berlin"):
        winter = parse_time("2026-02-22 11:59:43", "--at")
        summer = parse_time("2026-07-22 11:59:43", "--at")
    assert winter.begin == datetime(2026, 2, 22, 10, 59, 43, tzinfo=UTC)
    assert summer.begin == datetime(2026, 7, 22, 9, 59, 43, tzinfo=UTC)


def test_local_time_that_comes_twice_or_never() -> None:
    with local_zone("Europe/Berlin"):
        with pytest.raises(UsageError, match=r"append \+02:00 \(CEST\) or \+01:00 \(CET\)$"):
            parse_time("2026-10-25 02:30:00", "--at")
        with pytest.raises(UsageError, match="does not exist in the local"):
            parse_time("2026-03-29 02:30:00", "--at")
        assert parse_time("2026-10-25 02:30:00+01:00", "--at").begin == datetime(
            2026, 10, 25, 1, 30, tzinfo=UTC
        )


@pytest.mark.parametrize(
    "text",
    ["", "now", "2026-02-22", "11:59:43", "2026-02-22 11:59", "2026-02-22 11:59:43.", "@1393068424",
     "2026-02-30T11:59:43Z", "2026-02-22T24:59:43Z", "2026-02-22T11:59:60Z", "22.02.2026 11:59:43",
     "2026-02-22T11:59:43+25:00", "2026-02-22T11:59:43Z\n", "0001-01-01T00:00:00+14:00",
     "0000-01-01T00:00:00Z", "9999-12-31T23:59:59-12:00", "9999-12-31T23:59:59Z",
     "٢٠٢٦-02-22T11:59:43Z", "2026-02-22T11:59:43+0100"],
)  # fmt: skip
def test_time_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_time(text, "--at")
    assert str(caught.value).startswith(f"--at {text!r}: ")


@given(
    st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1)),  # noqa: DTZ001
    st.integers(-12 * 60, 14 * 60),
)
def test_time_round_trip(naive: datetime, minutes: int) -> None:
    moment = naive.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    span = parse_time(moment.isoformat(timespec="microseconds"), "--at")
    assert span.begin == moment
    assert span.end - span.begin == timedelta(microseconds=1)
    assert parse_time(moment.isoformat(timespec="seconds"), "--at").begin == moment.replace(
        microsecond=0
    )


def test_the_future_is_refused() -> None:
    now = datetime(2026, 2, 22, 11, 59, 43, 500_000, tzinfo=UTC)
    assert parse_past("2026-02-22T11:59:43Z", "--at", now).begin < now
    with pytest.raises(UsageError, match="is in the future; it is now"):
        parse_past("2026-02-22T11:59:44Z", "--at", now)


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
    lambda text: parse_time(text, "X"),
    parse_protocol,
    parse_within,
]


@given(st.sampled_from(PARSERS), GARBAGE)
def test_garbage_is_a_usage_error(parse: Callable[[str], object], text: str) -> None:
    with suppress(UsageError):
        parse(text)


def test_a_span_is_widened_on_both_sides() -> None:
    begin = datetime(2026, 2, 22, 11, 59, 43, tzinfo=UTC)
    second = timedelta(seconds=1)
    assert TimeSpan(begin, begin + second).widen(2) == TimeSpan(
        begin - 2 * second, begin + 3 * second
    )
    with pytest.raises(UsageError, match=r"^--within 1e\+12: goes beyond the years 1 to 9999"):
        TimeSpan(begin, begin + second).widen(1e12)
