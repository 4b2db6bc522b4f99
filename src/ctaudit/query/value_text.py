"""Times, durations and counts: as text for people, and as JSON values."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from ipaddress import IPv4Address, IPv6Address
from typing import Any

_SERVER_TIME = re.compile(
    r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{1,6})?[+-]\d\d(:\d\d)?(?![:\d])", re.ASCII
)


def format_time(time: datetime, *, trim: bool = False) -> str:
    """Local time with its offset; ``trim`` leaves out a fraction of zero."""
    local = time.astimezone()
    clock = local.isoformat(" ")[: -len(format_offset(local))]
    if local.microsecond == 0 and not trim:
        clock += ".000000"
    return clock + format_offset(local)


def format_offset(time: datetime) -> str:
    """``+01:00``, of a time that has a zone."""
    return time.isoformat()[-6:]


def localise_times(text: str) -> str:
    """A sentence of the server with its times in this machine's time zone."""
    return _SERVER_TIME.sub(_localise_time, text)


def _localise_time(found: re.Match[str]) -> str:
    try:
        return format_time(datetime.fromisoformat(found[0]), trim=True)
    except ValueError:
        return found[0]


def format_duration(duration: timedelta) -> str:
    """``3 d 4 h 5 min 6.789 s``, without leading zero units."""
    minutes, seconds = divmod(duration, timedelta(minutes=1))
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [f"{days} d"] * (days > 0)
    parts += [f"{hours} h"] * (duration >= timedelta(hours=1))
    parts += [f"{minutes} min"] * (duration >= timedelta(minutes=1))
    milliseconds = seconds // timedelta(milliseconds=1)
    return " ".join([*parts, f"{milliseconds // 1000}.{milliseconds % 1000:03} s"])


def format_count(count: int | None, noun: str) -> str:
    if count is None:
        return f"unknown {noun}s"
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def format_traffic(packets: int | None, octets: int | None) -> str:
    if packets is None and octets is None:
        return "unknown"
    return f"{format_count(packets, 'packet')}, {format_count(octets, 'byte')}"


def plain_time(time: datetime | None) -> str | None:
    """RFC 3339 in UTC with microseconds, which is what the database holds."""
    if time is None:
        return None
    return time.astimezone(UTC).replace(tzinfo=None).isoformat("T", "microseconds") + "Z"


_PLAIN: dict[type[Any], Callable[[Any], Any]] = {
    datetime: plain_time,
    date: date.isoformat,
    IPv4Address: str,
    IPv6Address: str,
    bytes: bytes.hex,
}


def plain_value(value: Any) -> Any:
    """A column's value as JSON has it: times as plain_time, addresses as text, bytes as hex."""
    make_plain = _PLAIN.get(type(value))
    return value if make_plain is None else make_plain(value)
