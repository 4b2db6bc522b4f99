"""The questions of who and flows, and those that can have no answer."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctaudit.errors import UsageError
from ctaudit.query.question import read_flows, read_who
from tests.unit.garbage import GARBAGE


def test_who_widens_both_sides() -> None:
    asked = read_who("1.2.3.4:53500", "2026-02-22T11:59:43Z", within="2")
    assert asked.span.begin == datetime(2026, 2, 22, 11, 59, 41, tzinfo=UTC)
    assert asked.span.end == datetime(2026, 2, 22, 11, 59, 46, tzinfo=UTC)


@pytest.mark.parametrize(
    ("public", "more", "says"),
    [
        ("1.2.3.4:5", {"to": "2001:db8::1"}, "1.2.3.4 is IPv4; give an IPv4 address$"),
        ("[2001:db8::1]:5", {"to": "1.2.3.4"}, "2001:db8::1 is IPv6; give an IPv6 address$"),
        (
            "[2001:db8::1]:5",
            {"proto": "icmp"},
            "^--proto icmp: 2001:db8::1 is IPv6; use --proto icmpv6$",
        ),
        ("1.2.3.4:5", {"proto": "icmpv6"}, "^--proto icmpv6: 1.2.3.4 is IPv4; use --proto icmp$"),
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
    with pytest.raises(UsageError, match="is in the future"):
        read_flows(begin="9000-01-01T00:00:00Z")
    with pytest.raises(UsageError, match="--limit 0"):
        read_flows(limit=0)
    assert read_flows(until="9000-01-01T00:00:00Z").end is not None


READERS: list[Callable[[str], object]] = [
    lambda text: read_who(text, "2026-02-22T11:59:43Z"),
    lambda text: read_who("1.2.3.4:5", text),
    lambda text: read_who("1.2.3.4:5", "2026-02-22T11:59:43Z", to=text),
    lambda text: read_who("1.2.3.4:5", "2026-02-22T11:59:43Z", proto=text, within=text),
    lambda text: read_flows(begin=text, until=text),
]


@given(st.sampled_from(READERS), GARBAGE)
def test_garbage_is_a_usage_error(read: Callable[[str], object], text: str) -> None:
    with suppress(UsageError):
        read(text)
