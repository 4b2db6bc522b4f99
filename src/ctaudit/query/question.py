"""What people ask, read from their words: addresses, times, protocols, and what is refused.

Every parser returns a value or raises UsageError with one sentence; nothing else comes out.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ctaudit.conntrack.event import name_protocol
from ctaudit.errors import UsageError
from ctaudit.query.notation import (
    NUMBERED,
    Endpoint,
    Network,
    Span,
    parse_endpoint,
    parse_network,
    parse_past,
    parse_protocol,
    parse_time,
    parse_within,
)


@dataclass(frozen=True)
class WhoQuestion:
    """Who was behind ``public`` at some time in ``span``, widened by ``within`` seconds already."""

    public: Endpoint
    span: Span
    remote: Endpoint | None = None
    proto: int | None = None
    node: str | None = None
    within: float = 0.0


@dataclass(frozen=True)
class FlowsQuestion:
    """Connections alive in [begin, end); None leaves a side open."""

    host: Network | None = None
    nat: Network | None = None
    remote: Network | None = None
    begin: datetime | None = None
    end: datetime | None = None
    only_open: bool = False
    node: str | None = None
    limit: int | None = None


def read_who(
    public: str,
    at: str,
    *,
    to: str | None = None,
    proto: str | None = None,
    node: str | None = None,
    within: str = "0",
) -> WhoQuestion:
    """The question in its parts, after what can have no answer has been refused."""
    endpoint = parse_endpoint(public, "ADDRESS:PORT")
    remote = None if to is None else parse_endpoint(to, "--to")
    number = parse_protocol(proto)
    if remote and remote.address.version != endpoint.address.version:
        raise UsageError(f"--to {to!r}: {endpoint.address} is IPv{endpoint.address.version}")
    if number is not None:
        _check_protocol(number, endpoint, remote)
    seconds = parse_within(within)
    span = parse_past(at, "--at").widen(seconds)
    return WhoQuestion(endpoint, span, remote, number, node, seconds)


def _check_protocol(number: int, public: Endpoint, remote: Endpoint | None) -> None:
    name = name_protocol(number)
    if (number == 1 and public.address.version == 6) or (
        number == 58 and public.address.version == 4
    ):
        right = "icmp" if number == 58 else "icmpv6"
        raise UsageError(f"--proto {name}: {public.address} is asked with --proto {right}")
    for endpoint in (public, remote):
        if endpoint and endpoint.port is not None and number not in NUMBERED:
            raise UsageError(f"{endpoint}: protocol {name} has no ports; give the address alone")
    if remote and remote.port is not None and number in (1, 58):
        raise UsageError(f"--to {remote}: {name} has one id, on the public side; give the address")


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
) -> FlowsQuestion:
    """``begin`` must be past; ``until`` may be the future and then means: all there is."""
    first = parse_past(begin, "--from").begin if begin is not None else None
    last = parse_time(until, "--until").begin if until is not None else None
    if first and last and first >= last:
        raise UsageError(f"--until {until!r}: must be later than --from {begin!r}")
    if limit is not None and limit < 1:
        raise UsageError(f"--limit {limit}: must be 1 or more")
    return FlowsQuestion(
        parse_network(host, "--host"),
        parse_network(nat, "--nat"),
        parse_network(remote, "--remote"),
        first,
        last,
        only_open,
        node,
        limit,
    )
