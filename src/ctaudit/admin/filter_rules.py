"""filter show and explain: the rules of this gateway, and which of them decides on a connection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ctaudit.capture.event_filter import EventFilter, choose_filter
from ctaudit.config import Config
from ctaudit.conntrack.endpoint import Endpoint, format_party
from ctaudit.conntrack.event import name_protocol
from ctaudit.conntrack.filter import ACCEPT, Rule
from ctaudit.conntrack.filter_match import Matcher
from ctaudit.conntrack.filter_notation import read_rules
from ctaudit.errors import UsageError
from ctaudit.query.notation import parse_endpoint, parse_protocol, parse_zone

_PORTED = (6, 17, 33, 132, 136)


@dataclass(frozen=True)
class Connection:
    """Both tuples; a port is None where the protocol has none."""

    proto: int
    orig: tuple[Endpoint, Endpoint]
    reply: tuple[Endpoint, Endpoint]
    zone: int

    @property
    def leaves(self) -> Mapping[str, bytes]:
        """As the kernel's message has them."""
        ends = {
            "orig_src": self.orig[0], "orig_dst": self.orig[1],
            "reply_src": self.reply[0], "reply_dst": self.reply[1],
        }  # fmt: skip
        found = {name: end.address.packed for name, end in ends.items()}
        for name, end in ends.items():
            if end.port is not None:
                side, which = name.split("_")
                found[f"{side}_{which[0]}port"] = end.port.to_bytes(2, "big")
        if self.zone:
            found["zone"] = self.zone.to_bytes(2, "big")
        return found

    def __str__(self) -> str:
        """``tcp 192.168.1.129:53400 -> 19.1.16.7:443, answered 19.1.16.7:443 -> 1.2.3.4:53500``."""
        pairs = (self.orig, self.reply)
        orig, reply = (
            " -> ".join(format_party(self.proto, end.address, end.port) for end in pair)
            for pair in pairs
        )
        zone = f", zone {self.zone}" if self.zone else ""
        return f"{name_protocol(self.proto)} {orig}, answered {reply}{zone}"


@dataclass(frozen=True)
class Decision:
    """``number``: of the rule that decides, counted from 1; None: no rule matches."""

    connection: Connection
    number: int | None
    rule: Rule | None

    @property
    def is_recorded(self) -> bool:
        return self.rule is None or self.rule.action == ACCEPT


def show(config: Config) -> EventFilter:
    """The rules, and where this kernel has them evaluated. Raises UsageError."""
    return choose_filter(read_rules(config.filter))


def read_connection(
    source: str,
    target: str,
    *,
    proto: str | None = None,
    zone: str | None = None,
    snat: str | None = None,
    dnat: str | None = None,
) -> Connection:
    """Each argument as the command line has it; a port that is left out is 0, as no rule's."""
    number = parse_protocol(proto or "tcp") or 0
    client = _read_end(source, "SOURCE", number)
    server = _read_end(target, "DESTINATION", number)
    public = client if snat is None else _read_end(snat, "--snat", number, client)
    inner = server if dnat is None else _read_end(dnat, "--dnat", number, server)
    if len({end.address.version for end in (client, server, public, inner)}) > 1:
        raise UsageError("the addresses of a connection are all IPv4 or all IPv6; give such ones")
    return Connection(number, (client, server), (inner, public), parse_zone(zone) or 0)


def _read_end(text: str, name: str, proto: int, before: Endpoint | None = None) -> Endpoint:
    """``before``: what was translated; its port stays unless another one is given."""
    end = parse_endpoint(text, name)
    if proto not in _PORTED:
        if end.port is not None:
            raise UsageError(
                f"{name} {text!r}: {name_protocol(proto)} has no ports; give the address alone"
            )
        return end
    if end.port is not None:
        return end
    return Endpoint(end.address, 0 if before is None else before.port)


def explain(config: Config, connection: Connection) -> Decision:
    """Which rule decides. Raises UsageError."""
    rules = read_rules(config.filter)
    number = None if rules is None else Matcher(rules).decide(connection.proto, connection.leaves)
    if rules is None or number is None:
        return Decision(connection, None, None)
    return Decision(connection, number + 1, rules.rules[number])
