"""Values in words for people, and as plain JSON values for machines."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv6Address
from operator import attrgetter
from typing import Any

from ctaudit.conntrack.event import name_protocol, name_state
from ctaudit.query.lookup import Answer
from ctaudit.query.notation import Address, format_endpoint, format_offset

SOURCES = {
    "kernel": "kernel",
    "event": "kernel event",
    "receiver": "receiver, no later than this",
    "dump": "seen in a table dump, at or before this",
}
DERIVED = ("public", "public_port", "proto_name", "protocol_state_name", "duration_seconds")
_COLUMNS = tuple(item.name for item in fields(Answer))
_get_columns = attrgetter(*_COLUMNS)
PLAIN_KEYS = (*_COLUMNS, *DERIVED)
ICMP = (1, 58)
_SERVER_TIME = re.compile(
    r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{1,6})?[+-]\d\d(:\d\d)?(?![:\d])", re.ASCII
)
_GRE = 47


def show_end(proto: int, address: Address, number: int | None) -> str:
    """``1.2.3.4:53500``; ICMP's id and GRE's key are named, since they are no ports."""
    if number is None or (proto not in ICMP and proto != _GRE):
        return format_endpoint(address, number)
    return f"{address} {'key' if proto == _GRE else 'id'} {number}"


def show_host(answer: Answer) -> str:
    return show_end(answer.proto, answer.host, answer.host_port)


def show_public(answer: Answer) -> str:
    return show_end(answer.proto, answer.public, answer.public_port)


def show_remote(answer: Answer) -> str:
    return show_end(answer.proto, answer.remote, answer.remote_port)


def show_time(time: datetime, *, trim: bool = False) -> str:
    """Local time with its offset; ``trim`` leaves out a fraction of zero."""
    local = time.astimezone()
    clock = local.isoformat(" ")[: -len(format_offset(local))]
    if local.microsecond == 0 and not trim:
        clock += ".000000"
    return clock + format_offset(local)


def localise(text: str) -> str:
    """The server's times in a sentence as times of the reader's zone."""
    return _SERVER_TIME.sub(_localise_time, text)


def _localise_time(found: re.Match[str]) -> str:
    try:
        return show_time(datetime.fromisoformat(found[0]), trim=True)
    except ValueError:
        return found[0]


def show_duration(duration: timedelta) -> str:
    """``3 d 4 h 5 min 6.789 s``, without leading zero units."""
    minutes, seconds = divmod(duration, timedelta(minutes=1))
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [f"{days} d"] * (days > 0)
    parts += [f"{hours} h"] * (duration >= timedelta(hours=1))
    parts += [f"{minutes} min"] * (duration >= timedelta(minutes=1))
    milliseconds = seconds // timedelta(milliseconds=1)
    return " ".join([*parts, f"{milliseconds // 1000}.{milliseconds % 1000:03} s"])


def show_count(count: int | None, noun: str) -> str:
    if count is None:
        return f"unknown {noun}s"
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def show_traffic(packets: int | None, octets: int | None) -> str:
    if packets is None and octets is None:
        return "unknown"
    return f"{show_count(packets, 'packet')}, {show_count(octets, 'byte')}"


def plain_time(time: datetime | None) -> str | None:
    """RFC 3339 in UTC with microseconds, which is what the database holds."""
    if time is None:
        return None
    return time.astimezone(UTC).replace(tzinfo=None).isoformat("T", "microseconds") + "Z"


_PLAIN: dict[type[Any], Callable[[Any], Any]] = {
    datetime: plain_time,
    IPv4Address: str,
    IPv6Address: str,
    bytes: bytes.hex,
}


def plain(value: Any) -> Any:
    make_plain = _PLAIN.get(type(value))
    return value if make_plain is None else make_plain(value)


def plain_answer(answer: Answer) -> dict[str, Any]:
    """PLAIN_KEYS: the columns by their names in the store, then what is derived from them."""
    duration = answer.duration
    derived = (
        answer.public,
        answer.public_port,
        name_protocol(answer.proto),
        name_state(answer.proto, answer.protocol_state),
        None if duration is None else duration.total_seconds(),
    )
    return dict(zip(PLAIN_KEYS, map(plain, (*_get_columns(answer), *derived)), strict=True))
