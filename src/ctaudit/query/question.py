"""The questions of who and flows, read from the words of a command line.

Each reader returns a question or raises UsageError; what can have no answer is refused here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ctaudit.conntrack.endpoint import ICMP, ICMPV6, NUMBERED_PROTOCOLS, Endpoint
from ctaudit.conntrack.event import name_protocol
from ctaudit.errors import UsageError
from ctaudit.query.notation import (
    Network,
    parse_endpoint,
    parse_network,
    parse_protocol,
    parse_within,
    parse_zone,
)
from ctaudit.query.time_notation import TimeSpan, parse_instant, parse_past, refuse_future

_LIMIT_MAX = 2**31 - 1  # a PostgreSQL integer


@dataclass(frozen=True)
class WhoQuestion:
    """Who was behind ``public`` at some time in ``span``?

    ``span`` includes the ``within`` seconds on either side. None: any.
    """

    public: Endpoint
    span: TimeSpan
    remote: Endpoint | None = None
    proto: int | None = None
    node: str | None = None
    within: float = 0.0
    zone: int | None = None


@dataclass(frozen=True)
class FlowsQuestion:
    """Connections alive in [begin, end); None: any, or no limit."""

    host: Network | None = None
    nat: Network | None = None
    remote: Network | None = None
    begin: datetime | None = None
    end: datetime | None = None
    only_open: bool = False
    node: str | None = None
    limit: int | None = None
    zone: int | None = None


def read_who(
    public: str,
    at: str,
    *,
    to: str | None = None,
    proto: str | None = None,
    node: str | None = None,
    within: str = "0",
    zone: str | None = None,
) -> WhoQuestion:
    """Each argument as the command line has it."""
    endpoint = parse_endpoint(public, "ADDRESS:PORT")
    remote = None if to is None else parse_endpoint(to, "--to")
    number = parse_protocol(proto)
    if remote and remote.address.version != endpoint.address.version:
        version = endpoint.address.version
        raise UsageError(
            f"--to {to!r}: {endpoint.address} is IPv{version}; give an IPv{version} address"
        )
    if number is not None:
        _check_protocol(number, endpoint, remote)
    seconds = parse_within(within)
    span = parse_past(at, "--at").widen(seconds)
    return WhoQuestion(endpoint, span, remote, number, node, seconds, parse_zone(zone))


def _check_protocol(number: int, public: Endpoint, remote: Endpoint | None) -> None:
    name = name_protocol(number)
    version = public.address.version
    if (number, version) in ((ICMP, 6), (ICMPV6, 4)):
        right = name_protocol(ICMP if version == 4 else ICMPV6)
        raise UsageError(f"--proto {name}: {public.address} is IPv{version}; use --proto {right}")
    for endpoint in (public, remote):
        if endpoint and endpoint.port is not None and number not in NUMBERED_PROTOCOLS:
            raise UsageError(f"{endpoint}: protocol {name} has no ports; give the address alone")
    if remote and remote.port is not None and number in (ICMP, ICMPV6):
        raise UsageError(
            f"--to {remote}: {name} has one id, on the public side; give the address alone"
        )


def read_flows(
    *,
    host: str | None = None,
    nat: str | None = None,
    remote: str | None = None,
    begin: str | None = None,
    until: str | None = None,
    only_open: bool = False,
    node: str | None = None,
    limit: int | None = None,
    zone: str | None = None,
) -> FlowsQuestion:
    """Each argument as the command line has it; ``until`` may be in the future."""
    first = parse_instant(begin, "--from") if begin is not None else None
    last = parse_instant(until, "--until") if until is not None else None
    if begin is not None and first is not None:
        refuse_future(first, begin, "--from")
    if first and last and first >= last:
        raise UsageError(f"--until {until!r}: must be later than --from {begin!r}")
    if limit is not None and not 1 <= limit <= _LIMIT_MAX:
        raise UsageError(f"--limit {limit}: must be a number from 1 to {_LIMIT_MAX}")
    return FlowsQuestion(
        parse_network(host, "--host"),
        parse_network(nat, "--nat"),
        parse_network(remote, "--remote"),
        first,
        last,
        only_open,
        node,
        limit,
        parse_zone(zone),
    )
