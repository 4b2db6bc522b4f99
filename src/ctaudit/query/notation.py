"""Addresses, networks, spans of seconds and protocols as people write them.

Every parser returns a value or raises UsageError; ``name`` is the option that the error names.
"""

from __future__ import annotations

import math
import re
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from ctaudit.conntrack.endpoint import ICMPV6, Address, Endpoint
from ctaudit.conntrack.event import PROTOCOLS
from ctaudit.errors import UsageError

Network = IPv4Network | IPv6Network

WITHIN_MAX = 366 * 86400  # seconds

_ENDPOINTS = tuple(
    re.compile(form, re.ASCII | re.DOTALL)
    for form in (
        r"\[([^][]*)\](?::(.*))?",
        r"([^][ #]+)(?: port |#)(.*)",
        r"((?:\d+\.){3}\d+)\.(\d+)",
        # An address in IPv6's notation holds three dots or none.
        r"([0-9a-fA-F:]*:[0-9a-fA-F]*|[0-9a-fA-F:]*:(?:\d+\.){3}\d+)\.(\d+)",
    )
)
_NUMBERS = {name: number for number, name in PROTOCOLS.items()} | {"ipv6-icmp": ICMPV6}


def parse_endpoint(text: str, name: str) -> Endpoint:
    """``1.2.3.4:53500``, ``[2001:db8::1]:443``, or an address alone for any port.

    Also as programs write one: ``1.2.3.4 port 53500`` (sshd), ``1.2.3.4#53500`` (BIND),
    ``[1.2.3.4]:53500`` (Exim), ``1.2.3.4.53500`` and ``2001:db8::1.443`` (tcpdump).
    """
    found = next(filter(None, (form.fullmatch(text) for form in _ENDPOINTS)), None)
    if found:
        address, port = found.groups()
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
