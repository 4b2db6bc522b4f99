"""Rules as the configuration writes them: ``deny proto udp reply_sport 53``.

And the filters of ulogd2's NFCT input (ulogd.conf: accept_src_filter, accept_dst_filter,
accept_proto_filter): what is not in each of the lists that are given is denied.
"""

from __future__ import annotations

import json
import re
import socket
from ipaddress import ip_interface
from typing import Any

from ctaudit.config import FilterSection
from ctaudit.conntrack.event import PROTOCOLS
from ctaudit.conntrack.filter import (
    ACCEPT,
    ADDRESSES,
    DENY,
    DIRECTIONS,
    PORTS,
    Network,
    Rule,
    RuleSet,
    Span,
    plain_rules,
)
from ctaudit.errors import UsageError

_CONDITIONS = (*ADDRESSES, "proto", *PORTS, "zone", *DIRECTIONS)
_NUMBERS = {name: number for number, name in PROTOCOLS.items()} | {"ipv6-icmp": 58, "icmp6": 58}
_MOST_BYTES = 56 << 10  # of the rules as JSON: the receiver's note of them must fit into a segment


class _Refused(ValueError):
    """What is wrong with a rule, and the way out."""


def read_rules(section: FilterSection) -> RuleSet | None:
    """The rules of ``[filter]``; None: all is recorded. Raises UsageError."""
    lists = {
        "orig_src": ("accept_src_filter", section.accept_src_filter),
        "orig_dst": ("accept_dst_filter", section.accept_dst_filter),
        "proto": ("accept_proto_filter", section.accept_proto_filter),
    }
    given = {name: key for name, (key, text) in lists.items() if text}
    rules: tuple[Rule, ...]
    if given:
        accept: dict[str, Any] = {name: _read_list(name, *lists[name]) for name in given}
        rules = (Rule(ACCEPT, **accept), Rule(DENY))
        if section.rules:
            raise UsageError(
                f"filter.{next(iter(given.values()))} and filter.rules: give one of them; as rules "
                f'the first is "{rules[0]}", "{rules[1]}"'
            )
    else:
        rules = tuple(_read_numbered(*item) for item in enumerate(section.rules, 1))
    if not rules:
        return None
    found = RuleSet(rules)
    size = len(json.dumps(plain_rules(found), separators=(",", ":")))
    if size > _MOST_BYTES:
        raise UsageError(
            f"filter.rules: {len(rules)} rules take {size:,} bytes in the record, of "
            f"{_MOST_BYTES:,} at most; join networks to larger ones, or several rules to one"
        )
    return found


def _read_list(name: str, key: str, text: str) -> tuple[Any, ...]:
    """A list of ulogd2; bits beyond a netmask do not count there."""
    try:
        if name == "proto":
            return tuple(_read_protocol(item.strip()) for item in text.split(","))
        return tuple(_read_network(item.strip(), strict=False) for item in text.split(","))
    except _Refused as refused:
        raise UsageError(f"filter.{key} = {text!r}: {refused}") from None


def _read_numbered(number: int, text: str) -> Rule:
    try:
        return read_rule(text)
    except _Refused as refused:
        raise UsageError(f"filter.rules: rule {number}, {text!r}: {refused}") from None


def read_rule(text: str) -> Rule:
    """One rule. Raises a ValueError that says what is wrong and the way out."""
    action, *words = text.split() or [""]
    if action not in (ACCEPT, DENY):
        raise _Refused(f"it begins with {action!r}; begin with accept or deny")
    values: dict[str, Any] = {}
    while words:
        name = words.pop(0)
        if name in DIRECTIONS:
            values["direction"] = (*values.get("direction", ()), name)
            continue
        if name not in _CONDITIONS:
            raise _Refused(f"{name!r} is no condition; there are {', '.join(_CONDITIONS)}")
        if not words:
            raise _Refused(f"{name} needs a value behind it; {_example(name)}")
        if name in values:
            both = f"{name} stands twice"
            raise _Refused(f"{both}; separate several values by commas, without blanks")
        values[name] = _read_values(name, words.pop(0))
    return Rule(action, **values)


def _read_values(name: str, text: str) -> tuple[Any, ...]:
    read: Any = _read_port
    if name in ADDRESSES:
        read = _read_network
    elif name == "proto":
        read = _read_protocol
    elif name == "zone":
        read = _read_zone
    return tuple(read(item) for item in text.split(","))


def _read_network(text: str, *, strict: bool = True) -> Network:
    try:
        interface = ip_interface(text)
    except ValueError:
        raise _Refused(f"{text!r} is not an address or a network; {_example('orig_src')}") from None
    if strict and interface.ip != interface.network.network_address:
        raise _Refused(
            f"{text!r} has bits beyond its netmask; write the network as {interface.network}, or "
            f"the address as {interface.ip}"
        )
    return interface.network


def _read_protocol(text: str) -> int:
    number = _NUMBERS.get(text.lower())
    if number is None and re.fullmatch("[0-9]{1,3}", text):
        number = int(text)
    if number is None:
        try:
            number = socket.getprotobyname(text)
        except (OSError, UnicodeError, ValueError):
            number = -1
    if not 0 <= number <= 255:
        raise _Refused(f"{text!r} is no protocol; {_example('proto')}")
    return number


def _read_port(text: str) -> Span:
    found = re.fullmatch(r"([0-9]{1,5})(?:-([0-9]{1,5}))?", text)
    first, last = (int(found[1]), int(found[2] or found[1])) if found else (1, 0)
    if not first <= last <= 0xFFFF:
        raise _Refused(f"{text!r} is no port and no range of ports; {_example('orig_sport')}")
    return first, last


def _read_zone(text: str) -> int:
    if not re.fullmatch("[0-9]{1,5}", text) or int(text) > 0xFFFF:
        raise _Refused(f"{text!r} is no conntrack zone; {_example('zone')}")
    return int(text)


def _example(name: str) -> str:
    if name in ADDRESSES:
        return "write such as 192.168.5.0/24,2001:db8::/48"
    examples = {"proto": "tcp,udp or a number from 0 to 255", "zone": "7, from 0 to 65535"}
    return f"write such as {examples.get(name, '53 or 5060-5070, from 0 to 65535')}"
