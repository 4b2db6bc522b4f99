"""The rules of a filter: which connections are recorded. The first rule that matches decides.

A condition is on what never changes in a connection's life and stands in each of its messages:
both tuples, the protocol and the zone. What no rule matches is accepted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any

from ctaudit.conntrack.event import name_protocol

Network = IPv4Network | IPv6Network
Span = tuple[int, int]  # from, to, both included

ACCEPT, DENY = "accept", "deny"
IN_KERNEL, IN_RECORDER = "kernel", "recorder"  # where a stream's events are judged
ADDRESSES = ("orig_src", "orig_dst", "reply_src", "reply_dst")
PORTS = ("orig_sport", "orig_dport", "reply_sport", "reply_dport")
# snat: the source was translated, dnat: the destination; nat_only: one of them.
DIRECTIONS = ("nat_only", "snat", "dnat", "no_snat", "no_dnat")


@dataclass(frozen=True)
class Rule:
    """All conditions must hold, of each one of its values; an empty one holds always.

    Ports are of protocols that have them; an ICMP id is none.
    """

    action: str
    orig_src: tuple[Network, ...] = ()
    orig_dst: tuple[Network, ...] = ()
    reply_src: tuple[Network, ...] = ()
    reply_dst: tuple[Network, ...] = ()
    proto: tuple[int, ...] = ()
    orig_sport: tuple[Span, ...] = ()
    orig_dport: tuple[Span, ...] = ()
    reply_sport: tuple[Span, ...] = ()
    reply_dport: tuple[Span, ...] = ()
    zone: tuple[int, ...] = ()
    direction: tuple[str, ...] = ()

    def __str__(self) -> str:
        """As it stands in the configuration."""
        words = [self.action]
        for name in (*ADDRESSES, "proto", *PORTS, "zone"):
            values = getattr(self, name)
            if values:
                words += [name, ",".join(_format(name, value) for value in values)]
        return " ".join([*words, *self.direction])


@dataclass(frozen=True)
class RuleSet:
    rules: tuple[Rule, ...]

    @cached_property
    def digest(self) -> str:
        """60 bits of the SHA-256 of the rules' text, as hexadecimal digits."""
        text = "\n".join(map(str, self.rules))
        return hashlib.sha256(text.encode()).hexdigest()[:15]

    @property
    def denies(self) -> bool:
        return any(rule.action == DENY for rule in self.rules)


def find_digest(word: int) -> str | None:
    """The digest of the rules whose word stands in a segment's header; None: there are none."""
    return f"{word >> 1:015x}" if word else None


def find_where(word: int) -> str:
    """Where the rules of that word are evaluated."""
    return IN_RECORDER if word & 1 else IN_KERNEL


def plain_rules(rules: RuleSet) -> list[dict[str, Any]]:
    """As JSON values: of each rule its action and its conditions."""
    return [
        {"action": rule.action}
        | {
            item.name: _plain(getattr(rule, item.name))
            for item in fields(rule)
            if item.name != "action" and getattr(rule, item.name)
        }
        for rule in rules.rules
    ]


def read_plain_rules(plain: Sequence[Mapping[str, Any]]) -> RuleSet:
    """Rules from plain_rules. Raises ValueError, KeyError or TypeError where they are none."""
    return RuleSet(tuple(_read_plain(item) for item in plain))


def _read_plain(plain: Mapping[str, Any]) -> Rule:
    if plain["action"] not in (ACCEPT, DENY):
        raise ValueError(plain["action"])
    values: dict[str, Any] = {
        name: tuple(map(ip_network, plain.get(name, ()))) for name in ADDRESSES
    }
    values |= {name: tuple((int(a), int(b)) for a, b in plain.get(name, ())) for name in PORTS}
    values |= {name: tuple(map(int, plain.get(name, ()))) for name in ("proto", "zone")}
    return Rule(plain["action"], direction=tuple(plain.get("direction", ())), **values)


def _plain(values: tuple[Any, ...]) -> list[Any]:
    return [
        list(item) if isinstance(item, tuple) else item if isinstance(item, int) else str(item)
        for item in values
    ]


def _format(name: str, value: Any) -> str:
    if name == "proto":
        return name_protocol(value)
    if name in PORTS:
        first, last = value
        return str(first) if first == last else f"{first}-{last}"
    return str(value)
