"""Addresses, networks, times and protocols as people write them.

Every parser returns a value or raises UsageError; ``name`` is the option that the error names.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from ctaudit.conntrack.endpoint import ICMPV6, Address, Endpoint
from ctaudit.conntrack.event import PROTOCOLS
from ctaudit.errors import UsageError
from ctaudit.query.value_text import format_offset

Network = IPv4Network | IPv6Network

WITHIN_MAX = 366 * 86400  # seconds

_NUMBERS = {name: number for number, name in PROTOCOLS.items()} | {"ipv6-icmp": ICMPV6}
_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d+))?\s?([Zz]|[+-]\d\d:\d\d)?", re.ASCII
)


@dataclass(frozen=True)
class TimeSpan:
    """[begin, end), both with a zone."""

    begin: datetime
    end: datetime

    def widen(self, seconds: float) -> TimeSpan:
        try:
            more = timedelta(seconds=seconds)
            return TimeSpan(self.begin - more, self.end + more)
        except OverflowError:
            raise UsageError(
                f"--within {seconds:g}: goes beyond the years 1 to 9999; give fewer seconds"
            ) from None


def parse_endpoint(text: str, name: str) -> Endpoint:
    """``1.2.3.4:53500``, ``[2001:db8::1]:443``, or an address alone for any port."""
    bracketed = re.fullmatch(r"\[([^][]*)\](?::(.*))?", text, re.DOTALL)
    if bracketed:
        address, port = bracketed[1], bracketed[2]
        if ":" not in address:
            raise UsageError(f"{name} {text!r}: brackets are for IPv6; write 1.2.3.4:53500")
    elif text.count(":") == 1:
        address, _, port = text.partition(":")
    else:
        address, port = text, None
    return Endpoint(_parse_address(address, text, name), _parse_port(port, text, name))


def _parse_address(part: str, text: str, name: str) -> Address:
    """An address without a zone index; an IPv4-mapped one is the IPv4 address it stands for."""
    try:
        address = ip_address(part)
    except ValueError:
        raise UsageError(
            f"{name} {text!r}: not an address; write 1.2.3.4:53500 or [2001:db8::1]:443"
        ) from None
    if isinstance(address, IPv6Address):
        if address.scope_id is not None:
            raise UsageError(f"{name} {text!r}: leave out the zone index %{address.scope_id}")
        return address.ipv4_mapped or address
    return address


def _parse_port(port: str | None, text: str, name: str) -> int | None:
    if port is None:
        return None
    if not re.fullmatch(r"[0-9]{1,5}", port) or int(port) > 0xFFFF:
        raise UsageError(f"{name} {text!r}: the port must be a whole number from 0 to 65535")
    return int(port)


def parse_network(text: str | None, name: str) -> Network | None:
    """A CIDR block, or an address alone for that address only."""
    if text is None:
        return None
    try:
        return ip_network(text)
    except ValueError:
        pass
    try:
        meant = ip_network(text, strict=False)
    except ValueError:
        raise UsageError(
            f"{name} {text!r}: not a network; write 192.168.1.0/24, 2001:db8::/32 or one address"
        ) from None
    raise UsageError(f"{name} {text!r}: has host bits set; did you mean {meant}?")


def parse_time(text: str, name: str) -> TimeSpan:
    """RFC 3339, or local time ``YYYY-MM-DD HH:MM:SS[.fraction]``.

    A time means the span that its last digit covers: ``11:59:43`` that whole second,
    ``11:59:43.25`` those 10 ms, six digits one microsecond. Further digits are cut, since the
    database holds microseconds.
    """
    found = _TIME.fullmatch(text)
    if not found:
        raise UsageError(
            f"{name} {text!r}: not a time; write 2026-02-22T11:59:43+01:00 (RFC 3339) "
            "or 2026-02-22 11:59:43 (local time)"
        )
    day, clock, fraction, zone = found.groups()
    digits = (fraction or "")[:6]
    zone = "+00:00" if zone in ("Z", "z") else zone or ""
    try:
        begin = datetime.fromisoformat(f"{day}T{clock}.{digits:0<6}{zone}")
        if not zone:
            begin = _in_local_zone(begin, text, name)
        begin = begin.astimezone(UTC)
        return TimeSpan(begin, begin + timedelta(microseconds=10 ** (6 - len(digits))))
    except (ValueError, OverflowError) as error:
        raise UsageError(f"{name} {text!r}: no such time: {error}") from None


def _in_local_zone(naive: datetime, text: str, name: str) -> datetime:
    """Raises UsageError where the zone's rules give the local time two meanings or none."""
    first = naive.replace(fold=0).astimezone()
    second = naive.replace(fold=1).astimezone()
    if first.utcoffset() == second.utcoffset():
        return first
    if first.replace(tzinfo=None) == naive:
        raise UsageError(
            f"{name} {text!r}: is ambiguous (end of daylight saving time); append "
            f"{format_offset(first)} ({first.tzname()}) or {format_offset(second)} "
            f"({second.tzname()})"
        )
    raise UsageError(
        f"{name} {text!r}: does not exist in the local time zone (start of daylight saving time); "
        "give a time with its offset from UTC"
    )


def parse_past(text: str, name: str, now: datetime | None = None) -> TimeSpan:
    """A time that is not in the future by this machine's clock."""
    span = parse_time(text, name)
    if span.begin > (now or datetime.now(UTC)):
        raise UsageError(
            f"{name} {text!r}: is in the future; it is now "
            f"{datetime.now().astimezone().isoformat(' ', 'seconds')}"
        )
    return span


def parse_within(text: str) -> float:
    """Seconds, not negative, at most WITHIN_MAX."""
    seconds = float(text) if re.fullmatch(r"[0-9]+(\.[0-9]*)?|\.[0-9]+", text) else math.nan
    if not 0 <= seconds <= WITHIN_MAX:
        raise UsageError(
            f"--within {text!r}: must be seconds from 0 to {WITHIN_MAX}, such as 2 or 0.5"
        )
    return seconds


def parse_zone(text: str | None) -> int | None:
    """A conntrack zone."""
    if text is None:
        return None
    if not re.fullmatch(r"[0-9]{1,5}", text) or int(text) > 0xFFFF:
        raise UsageError(f"--zone {text!r}: a conntrack zone is a whole number from 0 to 65535")
    return int(text)


def parse_protocol(text: str | None) -> int | None:
    """An IP protocol by name or number."""
    if text is None:
        return None
    if text.lower() in _NUMBERS:
        return _NUMBERS[text.lower()]
    if re.fullmatch(r"[0-9]{1,3}", text) and int(text) <= 0xFF:
        return int(text)
    raise UsageError(
        f"--proto {text!r}: must be a number from 0 to 255 or one of {', '.join(sorted(_NUMBERS))}"
    )
