"""Lease files of DHCP servers as statements: dnsmasq's, and those of Kea's memfile backend.

Their times are seconds since 1970, which are in UTC. dnsmasq(8): a line is the end of the lease,
the hardware address, the address, the host's name, the client's id; behind the line ``duid`` come
those of DHCPv6, with the IAID in the second place and the DUID in the last. Kea writes a line with
each change of a lease; its columns and states are those of src/lib/dhcpsrv in its sources.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from ipaddress import ip_address

from ctaudit.admin.holder_statement import Statement, Unreadable
from ctaudit.errors import UsageError
from ctaudit.query.notation import Network, parse_network

_FOREVER = 0xFFFF_FFFF  # a lease's lifetime, RFC 2131 and RFC 8415
_REAL_CLOCK = 1_000_000_000  # seconds: less is no time of today, but a length
_LAST_YEAR = 253_402_300_800  # seconds: the year 10000
_NEEDED = {
    4: ("address", "hwaddr", "valid_lifetime", "expire"),
    6: ("address", "duid", "valid_lifetime", "expire", "lease_type", "prefix_len"),
}
_DECLINED, _RECLAIMED = 1, 2
_PREFIX = "2"  # of lease_type
_ESCAPED = re.compile(r"&#x([0-9a-fA-F]{2})")


class _Wrong(ValueError):
    """Why a line is no lease."""


def read_dnsmasq(lines: Iterable[str], as_of: datetime) -> Iterator[Statement | Unreadable]:
    """All leases at ``as_of``. When they began the file does not say: known is that they held then.

    A lease that had ended by then, and was not yet removed, is left out.
    """
    for number, line in enumerate(lines, 1):
        words = line.split()
        if not words or words[0] == "duid":
            continue
        try:
            statement = _read_dnsmasq_line(number, words, as_of)
        except (_Wrong, UsageError) as error:
            yield Unreadable(number, str(error))
            continue
        if statement.until is None or statement.until > as_of:
            yield statement


def _read_dnsmasq_line(number: int, words: list[str], as_of: datetime) -> Statement:
    if len(words) < 4:
        raise _Wrong("not a lease: it has fewer than four words")
    ends = _read_number(words[0], "the lease's end")
    if 0 < ends < _REAL_CLOCK:
        raise _Wrong(
            f"the lease's end {ends} is no time; this dnsmasq was built for hosts without a clock"
        )
    network = _read_network(words[2])
    name = None if words[3] == "*" else words[3]
    if network.version == 4:
        holder = words[1].lower()
    else:
        if len(words) < 5 or words[4] == "*":
            raise _Wrong("a lease of IPv6 without a DUID")
        holder = f"duid {words[4].lower()}"
    return Statement(number, network, holder, as_of, _read_time(ends) if ends else None, name)


def read_kea(lines: Iterable[str]) -> Iterator[Statement | Unreadable]:
    """Each line of leases4.csv or leases6.csv, to be joined. Raises UsageError of the header."""
    rows = (line.rstrip("\r\n").split(",") for line in lines)
    header = next(rows, [])
    version = 6 if "duid" in header else 4
    missing = [name for name in _NEEDED[version] if name not in header]
    if missing:
        raise UsageError(
            f"its first line {','.join(header)[:60]!r} is not the header of Kea's leases4.csv or "
            f"leases6.csv: it has no column {missing[0]}"
        )
    for number, row in enumerate(rows, 2):
        if not any(row):
            continue
        values = dict(zip(header, row, strict=False))
        try:
            yield from _read_kea_row(number, values, version)
        except (_Wrong, UsageError) as error:
            yield Unreadable(number, str(error))


def _read_kea_row(number: int, values: Mapping[str, str], version: int) -> Iterator[Statement]:
    missing = [name for name in _NEEDED[version] if name not in values]
    if missing:
        raise _Wrong(f"the line ends before {missing[0]}")
    address = values["address"]
    if version == 6 and values["lease_type"] == _PREFIX:
        address = f"{address}/{_read_number(values['prefix_len'], 'prefix_len')}"
    network = _read_network(address)
    lifetime = _read_number(values["valid_lifetime"], "valid_lifetime")
    expires = _read_number(values["expire"], "expire")
    # Older versions write the end of a lease without end with 32 bits.
    begin = _read_time(
        expires - lifetime if expires >= lifetime else expires - lifetime + (1 << 32)
    )
    until = None if lifetime == _FOREVER else _read_time(expires)
    state = _read_number(values.get("state") or "0", "state")
    holder, detail = _name_holder(values, version)
    if state == _DECLINED:
        # Somebody has the address without a lease.
        yield Statement(number, network, None, begin, begin, is_end=True)
    elif lifetime == 0:
        yield Statement(number, network, holder, begin, None, is_end=True)
    elif state == _RECLAIMED:
        if holder is not None:
            yield Statement(number, network, holder, begin, until, detail)
        yield Statement(number, network, holder, begin, until, is_end=True)
    elif holder is None:
        raise _Wrong("a lease of nobody: it has no hardware address" if version == 4 else "no DUID")
    else:
        yield Statement(number, network, holder, begin, until, detail)


def _name_holder(values: Mapping[str, str], version: int) -> tuple[str | None, str | None]:
    """What stays the same through all renewals, and what helps to know it."""
    name = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), values.get("hostname", ""))
    name = name.rstrip(".")
    hardware = values.get("hwaddr", "").lower()
    if version == 4:
        return hardware or None, name or None
    duid = values["duid"].lower()
    holder = f"duid {duid}" if duid not in ("", "00", "00:00:00") else None
    return holder, ", ".join(filter(None, (name, hardware))) or None


def _read_number(text: str, name: str) -> int:
    if not re.fullmatch(r"[0-9]{1,12}", text):
        raise _Wrong(f"{name} {text[:40]!r} is no whole number")
    return int(text)


def _read_time(seconds: int) -> datetime:
    if not 0 <= seconds < _LAST_YEAR:
        raise _Wrong(f"{seconds} s since 1970 is no time")
    return datetime.fromtimestamp(seconds, UTC)


def _read_network(text: str) -> Network:
    try:
        ip_address(text.partition("/")[0])
    except ValueError:
        raise _Wrong(f"{text[:60]!r} is no address") from None
    network = parse_network(text, "address")
    if network is None:
        raise _Wrong("no address")
    return network
