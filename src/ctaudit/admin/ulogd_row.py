"""A row of ulogd2's table ulog2_ct -> a connection as the store has it, or why it cannot be read.

What ulogd 2.0.8 writes: input/flow/ulogd_inpflow_NFCT.c, doc/pgsql-ulogd2.sql. It leaves a time
NULL that it does not know, writes 0 for counters that the kernel did not send, and has no status,
no conntrack id, no zone and no query id of ICMP.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import NamedTuple

from ctaudit.conntrack.endpoint import ICMP
from ctaudit.conntrack.event import STATUS_DST_NAT, STATUS_SRC_NAT

# By our name those that the column has in ulogd2's schemas: PostgreSQL, MySQL, MySQL's views.
NAMES = {
    "number": ("_ct_id",),
    "proto": ("orig_ip_protocol",),
    "orig_src": ("orig_ip_saddr_str", "orig_ip_saddr", "orig_ip_saddr_bin"),
    "orig_dst": ("orig_ip_daddr_str", "orig_ip_daddr", "orig_ip_daddr_bin"),
    "reply_src": ("reply_ip_saddr_str", "reply_ip_saddr", "reply_ip_saddr_bin"),
    "reply_dst": ("reply_ip_daddr_str", "reply_ip_daddr", "reply_ip_daddr_bin"),
    "orig_sport": ("orig_l4_sport",),
    "orig_dport": ("orig_l4_dport",),
    "reply_sport": ("reply_l4_sport",),
    "reply_dport": ("reply_l4_dport",),
    "orig_bytes": ("orig_raw_pktlen", "orig_bytes"),
    "orig_packets": ("orig_raw_pktcount", "orig_packets"),
    "reply_bytes": ("reply_raw_pktlen", "reply_bytes"),
    "reply_packets": ("reply_raw_pktcount", "reply_packets"),
    "icmp_code": ("icmp_code",),
    "icmp_type": ("icmp_type",),
    "mark": ("ct_mark",),
    "start_sec": ("flow_start_sec",),
    "start_usec": ("flow_start_usec",),
    "end_sec": ("flow_end_sec",),
    "end_usec": ("flow_end_usec",),
    "event": ("ct_event", "state"),
}
ADDRESSES = ("orig_src", "orig_dst", "reply_src", "reply_dst")
# Without these there is no connection to store.
NEEDED = ("proto", *ADDRESSES, "reply_dport", "end_sec")

_DESTROY = 4  # NFCT_T_DESTROY of libnetfilter_conntrack
_SECOND = 1_000_000
# An end is the kernel's where a start is ulogd2's own clock, which may have read it later.
_LATE = 60 * _SECOND
_TOO_LARGE = 1 << 63
_TOO_LATE = 1 << 36  # seconds: the year 4147
CLOCK_WENT_BACK = "stop before start: the clock went back"
NO_END = "ulogd2 wrote no time of the end"


class RawRow(NamedTuple):
    """A row as it stands there, by our names; addresses as text or objects. None: NULL."""

    number: int
    proto: int | None
    orig_src: str | None
    orig_dst: str | None
    reply_src: str | None
    reply_dst: str | None
    orig_sport: int | None
    orig_dport: int | None
    reply_sport: int | None
    reply_dport: int | None
    orig_bytes: int | None
    orig_packets: int | None
    reply_bytes: int | None
    reply_packets: int | None
    icmp_code: int | None
    icmp_type: int | None
    mark: int | None
    start_sec: int | None
    start_usec: int | None
    end_sec: int | None
    end_usec: int | None
    event: int | None


class Connection(NamedTuple):
    """The parameters of ctaudit.import_batch from p_number on; times in microseconds."""

    number: int
    is_ended: bool
    received_us: int
    started_us: int | None
    ended_us: int | None
    stop_sent_us: int | None
    ended_cause: str | None
    proto: int
    orig_src: str
    orig_dst: str
    orig_sport: int
    orig_dport: int
    reply_src: str
    reply_dst: str
    reply_sport: int
    reply_dport: int
    orig_packets: int | None
    orig_bytes: int | None
    reply_packets: int | None
    reply_bytes: int | None
    mark: int | None
    status: int


@dataclass(frozen=True)
class Limits:
    """Microseconds since 1970: what is older is past retention, what is later is no time."""

    kept_since: int
    until: int


class Refused(ValueError):
    """Why a row is not taken; the texts are few, since rows are counted by them."""


def read_row(raw: RawRow, limits: Limits) -> Connection:
    """Raises Refused."""
    if raw.proto is None or not 0 <= raw.proto <= 255:
        raise Refused("no protocol")
    addresses = [_read_address(getattr(raw, name)) for name in ADDRESSES]
    if len({address.version for address in addresses}) > 1:
        raise Refused("IPv4 and IPv6 in one row")
    times = _read_times(raw)
    if times.received > limits.until:
        raise Refused("a time in the future")
    if times.received < limits.kept_since:
        raise Refused("past retention")
    counters = (raw.orig_packets, raw.orig_bytes, raw.reply_packets, raw.reply_bytes)
    if not all(0 <= (number or 0) < _TOO_LARGE for number in (*counters, raw.mark)):
        raise Refused("not a count")
    # The first packet makes the entry, so an end without packets was not counted.
    if not raw.orig_packets or not times.is_ended:
        counters = (None, None, None, None)
    ports = [_read_port(getattr(raw, f"{name}port")) for name in _SIDES]
    orig_sport, orig_dport, reply_sport, reply_dport = ports
    if raw.proto == ICMP and raw.icmp_type is not None:
        orig_dport = _read_icmp(raw.icmp_type, raw.icmp_code or 0)
    orig_src, orig_dst, reply_src, reply_dst = map(str, addresses)
    return Connection(
        raw.number, *times, raw.proto,
        orig_src, orig_dst, orig_sport, orig_dport,
        reply_src, reply_dst, reply_sport, reply_dport,
        *counters, raw.mark or None, _find_status(addresses, ports),
    )  # fmt: skip


_SIDES = ("orig_s", "orig_d", "reply_s", "reply_d")


def _read_address(value: str | None) -> IPv4Address | IPv6Address:
    if value is None:
        raise Refused("no address")
    try:
        address = ip_address(value)
    except ValueError:
        raise Refused("not an address") from None
    return getattr(address, "ipv4_mapped", None) or address


class _Times(NamedTuple):
    """The columns of Connection from is_ended to ended_cause."""

    is_ended: bool
    received: int
    started: int | None
    ended: int | None
    stop_sent: int | None
    cause: str | None


def _read_times(raw: RawRow) -> _Times:
    """A row is received when its connection ended, one that had not ended when it started."""
    started = _read_time(raw.start_sec, raw.start_usec)
    ended = _read_time(raw.end_sec, raw.end_usec)
    if ended is None:
        if started is None:
            raise Refused("no time")
        if raw.event == _DESTROY:
            return _Times(True, started, started, None, None, NO_END)
        return _Times(False, started, started, None, None, None)
    if started is None or started <= ended:
        return _Times(True, ended, started, ended, None, None)
    if started - ended <= _LATE:
        return _Times(True, ended, ended, ended, None, None)
    return _Times(True, started, started, None, ended, CLOCK_WENT_BACK)


def _read_time(seconds: int | None, microseconds: int | None) -> int | None:
    if not seconds:
        return None
    if not (0 < seconds < _TOO_LATE and 0 <= (microseconds or 0) < _SECOND):
        raise Refused("no time")
    return seconds * _SECOND + (microseconds or 0)


def _read_port(value: int | None) -> int:
    if value is None:
        return -1
    if not 0 <= value <= 65535:
        raise Refused("not a port")
    return value


def _read_icmp(kind: int, code: int) -> int:
    """As rows hold it (ctaudit.coded_port)."""
    if not (0 <= kind <= 255 and 0 <= code <= 255):
        raise Refused("not an ICMP type and code")
    return kind * 256 + code


def _find_status(addresses: Iterable[IPv4Address | IPv6Address], ports: Iterable[int]) -> int:
    """The translations that the tuples show; of ICMP, whose id is not there, by address alone."""
    orig_src, orig_dst, reply_src, reply_dst = addresses
    orig_sport, orig_dport, reply_sport, reply_dport = ports
    status = 0
    if (orig_src, orig_sport) != (reply_dst, reply_dport):
        status |= STATUS_SRC_NAT
    if (orig_dst, orig_dport) != (reply_src, reply_sport):
        status |= STATUS_DST_NAT
    return status
