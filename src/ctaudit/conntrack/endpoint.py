"""Endpoints of connections: an address with the number that tells connections of it apart.

TCP, UDP, SCTP, DCCP and UDP-Lite have ports, ICMP and ICMPv6 a query id, GRE a key. All of them
stand in the port's place (decision 0004); only the text differs.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

ICMP, GRE, ICMPV6 = 1, 47, 58
# The protocols whose connections conntrack tells apart by ports, ids or keys.
NUMBERED_PROTOCOLS = frozenset({ICMP, 6, 17, 33, GRE, ICMPV6, 132, 136})

Address = IPv4Address | IPv6Address


@dataclass(frozen=True)
class Endpoint:
    """``port`` None: any."""

    address: Address
    port: int | None = None

    def __str__(self) -> str:
        return format_endpoint(self.address, self.port)


def format_endpoint(address: Address, port: int | None) -> str:
    """``1.2.3.4:53500``, ``[2001:db8::1]:443``, or the address alone."""
    if port is None:
        return str(address)
    return f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"


def format_party(proto: int, address: Address, number: int | None) -> str:
    """As format_endpoint, but ``1.2.3.4 id 4711`` for ICMP and ``1.2.3.4 key 7`` for GRE."""
    if number is None or proto not in (ICMP, GRE, ICMPV6):
        return format_endpoint(address, number)
    return f"{address} {'key' if proto == GRE else 'id'} {number}"
