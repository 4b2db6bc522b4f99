"""Endpoints: who is host, public and remote in a connection, and how an endpoint is written.

TCP, UDP, SCTP, DCCP and UDP-Lite have ports, ICMP and ICMPv6 a query id, GRE a key. All of them
stand in the port's place (decision 0004); only the text differs. Who is who follows from tuples
and status, by the same rule as in sql/functions/connections.sql.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

from ctaudit.conntrack.event import STATUS_DST_NAT, STATUS_SRC_NAT

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
    return f"[{address!s}]:{port}" if address.version == 6 else f"{address!s}:{port}"


def format_party(proto: int, address: Address, number: int | None) -> str:
    """As format_endpoint, but ``1.2.3.4 id 4711`` for ICMP and ``1.2.3.4 key 7`` for GRE."""
    if number is None or proto not in (ICMP, GRE, ICMPV6):
        return format_endpoint(address, number)
    return f"{address} {'key' if proto == GRE else 'id'} {number}"


class Direction(StrEnum):
    """Who opened the connection.

    OUTWARD: the host. Its public side is the reply's destination: what source NAT, masquerading
    or no translation made of its address.
    INWARD: the remote. The host is what it called: its own address, or what destination NAT
    made of the address that was called.
    """

    OUTWARD = "outward"
    INWARD = "inward"


class Columns(NamedTuple):
    """Where a party's address and port stand; an ICMP query id stands where the port does."""

    address: str
    port: str


@dataclass(frozen=True)
class Parties:
    """The columns of each party."""

    host: Columns
    public: Columns
    remote: Columns


PARTIES = {
    Direction.OUTWARD: Parties(
        host=Columns("orig_src", "orig_sport"),
        public=Columns("reply_dst", "reply_dport"),
        remote=Columns("reply_src", "reply_sport"),
    ),
    Direction.INWARD: Parties(
        host=Columns("reply_src", "reply_sport"),
        public=Columns("orig_dst", "orig_dport"),
        remote=Columns("orig_src", "orig_sport"),
    ),
}


def choose_direction(
    status: int | None, *, outward: bool = True, inward: bool = True
) -> Direction | None:
    """The direction to show a connection in; None: it is not among those asked for.

    ``outward``, ``inward``: whether its parties, named that way, are those asked for. With source
    NAT alone a connection is outward. One with destination NAT alone is inward where both are
    asked for. Any other can be either, and is outward where both are asked for; without a
    status, which the kernel always sends, it is outward.
    """
    translated = (status or 0) & (STATUS_SRC_NAT | STATUS_DST_NAT)
    is_inward = inward and status is not None and translated != STATUS_SRC_NAT
    if outward and not (is_inward and translated == STATUS_DST_NAT):
        return Direction.OUTWARD
    return Direction.INWARD if is_inward else None
