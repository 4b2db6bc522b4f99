"""Questions as people type them, and the verdict on what the store knows."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctaudit.errors import UsageError
from ctaudit.query.lookup import EXIT_STATUS, judge
from ctaudit.query.notation import (
    Endpoint,
    parse_endpoint,
    parse_network,
    parse_past,
    parse_protocol,
    parse_time,
    parse_within,
)
from ctaudit.query.question import read_flows, read_who
from tests.unit.answers import COMPLETE, OUTWARD, OVERRUN, local_zone, other


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
def test_endpoint_round_trip(address: Any, port: int | None) -> None:
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
    with pytest.raises(UsageError, match=r"--host '192.168.1.129/24': .* 192.168.1.0/24 is"):
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
        with pytest.raises(UsageError, match=r"twice .* add \+02:00 \(CEST\) or \+01:00 \(CET\)"):
            parse_time("2026-10-25 02:30:00", "--at")
        with pytest.raises(UsageError, match="skipped"):
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
    with pytest.raises(UsageError, match="lies in the future; it is now"):
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
    lambda text: read_who(text, "2026-02-22T11:59:43Z"),
    lambda text: read_who("1.2.3.4:5", text),
    lambda text: read_who("1.2.3.4:5", "2026-02-22T11:59:43Z", to=text),
    lambda text: read_who("1.2.3.4:5", "2026-02-22T11:59:43Z", proto=text, within=text),
    lambda text: read_flows(begin=text, until=text),
]
ALMOST = st.text(alphabet="0123456789.:[]%/+-TZz abcdef", max_size=40)
TIMELIKE = st.from_regex(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}"
    r"(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})?",
    fullmatch=True,
)


@given(st.sampled_from(PARSERS), st.text() | ALMOST | TIMELIKE)
def test_garbage_is_a_usage_error(parse: Callable[[str], object], text: str) -> None:
    with suppress(UsageError):
        parse(text)


def test_who_widens_both_sides() -> None:
    asked = read_who("1.2.3.4:53500", "2026-02-22T11:59:43Z", within="2")
    assert asked.span.begin == datetime(2026, 2, 22, 11, 59, 41, tzinfo=UTC)
    assert asked.span.end == datetime(2026, 2, 22, 11, 59, 46, tzinfo=UTC)


@pytest.mark.parametrize(
    ("public", "more", "says"),
    [
        ("1.2.3.4:5", {"to": "2001:db8::1"}, "1.2.3.4 is IPv4"),
        ("[2001:db8::1]:5", {"to": "1.2.3.4"}, "2001:db8::1 is IPv6"),
        ("[2001:db8::1]:5", {"proto": "icmp"}, "is asked with --proto icmpv6"),
        ("1.2.3.4:5", {"proto": "icmpv6"}, "is asked with --proto icmp$"),
        ("1.2.3.4:5", {"proto": "esp"}, "protocol esp has no ports"),
        ("1.2.3.4", {"proto": "99", "to": "19.1.16.7:443"}, "protocol 99 has no ports"),
        ("1.2.3.4:5", {"proto": "icmp", "to": "19.1.16.7:443"}, "icmp has one id"),
        ("1.2.3.4:5", {"to": "server"}, "^--to 'server': not an address"),
        ("1.2.3.4:5", {"within": "-1"}, "^--within '-1'"),
    ],
)
def test_who_refuses_what_has_no_answer(public: str, more: dict[str, str], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        read_who(public, "2026-02-22T11:59:43Z", **more)


def test_flows_question() -> None:
    asked = read_flows(
        nat="1.2.3.4", begin="2026-02-22T11:00:00Z", until="2026-02-22T12:00:00Z", only_open=True
    )
    assert asked.nat == ip_network("1.2.3.4/32")
    assert (asked.begin, asked.end) == (
        datetime(2026, 2, 22, 11, tzinfo=UTC),
        datetime(2026, 2, 22, 12, tzinfo=UTC),
    )
    with pytest.raises(UsageError, match="must be later than --from"):
        read_flows(begin="2026-02-22T12:00:00Z", until="2026-02-22T12:00:00Z")
    with pytest.raises(UsageError, match="lies in the future"):
        read_flows(begin="9000-01-01T00:00:00Z")
    with pytest.raises(UsageError, match="--limit 0"):
        read_flows(limit=0)
    assert read_flows(until="9000-01-01T00:00:00Z").end is not None


ONE, TWO = (OUTWARD,), (OUTWARD, other())
INEXACT = (replace(OUTWARD, exact=False),)
GW2 = replace(COMPLETE, node="gw2")


@pytest.mark.parametrize(
    ("answers", "coverage", "name", "status", "complete"),
    [
        (ONE, (COMPLETE,), "one", 0, True),
        ((), (COMPLETE,), "none", 1, True),
        (TWO, (COMPLETE,), "several", 3, True),
        (TWO, (COMPLETE, GW2), "several", 3, True),
        (ONE, (OVERRUN,), "unknown", 4, False),
        ((), (OVERRUN,), "unknown", 4, False),
        (TWO, (OVERRUN,), "unknown", 4, False),
        (ONE, (), "unknown", 4, False),
        ((), (), "unknown", 4, False),
        (INEXACT, (COMPLETE,), "unknown", 4, True),
        (ONE, (COMPLETE, GW2), "one", 0, True),
        (ONE, (OVERRUN, GW2), "unknown", 4, False),
        ((), (COMPLETE, replace(OVERRUN, node="gw2")), "unknown", 4, False),
    ],
)
def test_verdict(answers: Any, coverage: Any, name: str, status: int, complete: bool) -> None:
    verdict = judge(answers, coverage)
    assert (verdict.name, verdict.exit_status, verdict.complete) == (name, status, complete)
    assert bool(verdict.reasons) == (name == "unknown")


def test_verdict_says_why() -> None:
    assert judge(ONE, (OVERRUN,)).reasons == (OVERRUN.why,)
    assert "gw1" in judge((), (replace(OVERRUN, why=None),)).reasons[0]
    assert "gw9" in judge((), (), "gw9").reasons[0]
    assert "not observed" in judge(INEXACT, (COMPLETE,)).reasons[0]


COVERAGE = st.lists(st.sampled_from([COMPLETE, OVERRUN, GW2]), max_size=3)
ANSWERS = st.lists(st.sampled_from([OUTWARD, other(), INEXACT[0]]), max_size=3)


@given(ANSWERS, COVERAGE)
def test_no_certainty_without_coverage(answers: Any, coverage: Any) -> None:
    """0 and 1 are said only over a record that is complete everywhere."""
    verdict = judge(answers, coverage)
    whole = bool(coverage) and all(item.complete for item in coverage)
    assert verdict.complete == whole
    if verdict.exit_status in (0, 1):
        assert whole
        assert len(answers) == 1 - verdict.exit_status
        assert all(answer.exact for answer in answers)
    if not whole:
        assert verdict.exit_status == 4


def test_statuses_are_the_documented_ones() -> None:
    assert EXIT_STATUS == {"one": 0, "none": 1, "several": 3, "unknown": 4}
