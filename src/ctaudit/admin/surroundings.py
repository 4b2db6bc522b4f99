"""What the gateway is: its links, addresses and routes, in the caller's network namespace.

Read through pyroute2, so for short-lived commands only: docs/decisions/0008.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
    ip_address,
    ip_interface,
    ip_network,
)
from itertools import islice
from pathlib import Path
from typing import Any

from pyroute2 import IPRoute
from pyroute2.netlink.exceptions import NetlinkError

# It logs a traceback for what it cannot decode.
logging.getLogger("pyroute2").setLevel(logging.CRITICAL)

_IFF_UP, _IFF_LOOPBACK = 0x1, 0x8  # linux/if.h
_SCOPE_GLOBAL, _UNICAST, _CLONED = 0, 1, 0x200  # linux/rtnetlink.h: RT_SCOPE_, RTN_, RTM_F_
# pyroute2 needs 0.1 to 0.2 ms for a route: a full table of the internet would take minutes.
_MOST_ROUTES = 20_000
_ROUTES = (Path("/proc/thread-self/net/route"), Path("/proc/thread-self/net/ipv6_route"))


@dataclass(frozen=True)
class Link:
    """``kind`` is the kernel's word (veth, vlan, bridge, wireguard), None for a plain device.

    ``master``: the index of the bridge, bond or VRF that it belongs to.
    """

    index: int
    name: str
    kind: str | None
    is_up: bool
    is_loopback: bool
    master: int | None


@dataclass(frozen=True)
class Address:
    """An address of the gateway's own with its network, and the index of its link.

    ``is_global``: neither of the link nor of the host alone (RT_SCOPE_UNIVERSE).
    """

    link: int
    interface: IPv4Interface | IPv6Interface
    is_global: bool


@dataclass(frozen=True)
class Route:
    """A unicast route; each next hop of a multipath route is one. ``gateway`` None: connected."""

    destination: IPv4Network | IPv6Network
    link: int | None
    gateway: IPv4Address | IPv6Address | None
    table: int

    @property
    def is_default(self) -> bool:
        return self.destination.prefixlen == 0


@contextmanager
def _asking() -> Iterator[Any]:
    """A route netlink socket. What the kernel refuses is an OSError."""
    try:
        with IPRoute() as kernel:
            yield kernel
    except NetlinkError as error:
        raise OSError(error.code, str(error)) from None


def read_links() -> list[Link]:
    with _asking() as kernel:
        return [_read_link(message) for message in kernel.get_links()]


def _read_link(message: Any) -> Link:
    info = message.get_attr("IFLA_LINKINFO")
    return Link(
        index=message["index"],
        name=message.get_attr("IFLA_IFNAME"),
        kind=info.get_attr("IFLA_INFO_KIND") if info else None,
        is_up=bool(message["flags"] & _IFF_UP),
        is_loopback=bool(message["flags"] & _IFF_LOOPBACK),
        master=message.get_attr("IFLA_MASTER"),
    )


def read_addresses() -> list[Address]:
    with _asking() as kernel:
        return [_read_address(message) for message in kernel.get_addr()]


def _read_address(message: Any) -> Address:
    # On a point-to-point link IFA_ADDRESS is the peer's.
    own = message.get_attr("IFA_LOCAL") or message.get_attr("IFA_ADDRESS")
    return Address(
        link=message["index"],
        interface=ip_interface(f"{own}/{message['prefixlen']}"),
        is_global=message["scope"] == _SCOPE_GLOBAL,
    )


def read_routes() -> list[Route] | None:
    """The unicast routes of all tables; None where there are too many to read in seconds."""
    if _has_too_many_routes():
        return None
    with _asking() as kernel:
        return [route for message in kernel.get_routes() for route in _read_route(message)]


def _read_route(message: Any) -> Iterator[Route]:
    if message["type"] != _UNICAST or message["flags"] & _CLONED:
        return
    any_address = "0.0.0.0" if message["family"] == socket.AF_INET else "::"  # noqa: S104
    target = message.get_attr("RTA_DST") or any_address
    destination = ip_network(f"{target}/{message['dst_len']}")
    table = message.get_attr("RTA_TABLE")
    for hop in message.get_attr("RTA_MULTIPATH") or [message]:
        link = hop.get_attr("RTA_OIF") if hop is message else hop["oif"]
        via = hop.get_attr("RTA_VIA")
        gateway = via["addr"] if via else hop.get_attr("RTA_GATEWAY")
        yield Route(destination, link, ip_address(gateway) if gateway else None, table)


def _has_too_many_routes() -> bool:
    return any(_count_lines(path, _MOST_ROUTES + 1) > _MOST_ROUTES for path in _ROUTES)


def _count_lines(path: Path, most: int) -> int:
    """At most ``most``; 0 where there is no such file."""
    try:
        with path.open() as lines:
            return sum(1 for _ in islice(lines, most))
    except FileNotFoundError:
        return 0
