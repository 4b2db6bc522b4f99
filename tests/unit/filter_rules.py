"""Strategies for rules that concern a message, and the kernel's own word on a program."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_network

from hypothesis import strategies as st

from ctaudit.conntrack.filter import ADDRESSES, DIRECTIONS, PORTS, Network, Rule, RuleSet, Span
from ctaudit.conntrack.filter_match import Matcher
from ctaudit.conntrack.layout import learn
from ctaudit.conntrack.netlink import attach_filter
from tests.unit.messages import ICMP, ICMPV6, Address, Entry, Side, u8, u16


class KernelFilter:
    """A datagram pair whose receiving end has a program."""

    def __init__(self, sender: socket.socket, receiver: socket.socket) -> None:
        self._sender, self._receiver = sender, receiver

    def attach(self, program: bytes) -> None:
        attach_filter(self._receiver, program)

    def passes(self, message: bytes) -> bool:
        """Whether the message comes through; whole, if it does."""
        self._sender.send(message)
        with contextlib.suppress(BlockingIOError):
            assert self._receiver.recv(1 << 17) == message
            return True
        return False


@contextmanager
def kernel_filter() -> Iterator[KernelFilter]:
    sender, receiver = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with sender, receiver:
        receiver.setblocking(False)
        yield KernelFilter(sender, receiver)


def is_denied(matcher: Matcher, message: bytes) -> bool:
    """As the recorder does it."""
    layout = learn(message)
    return matcher.denies(layout)(layout.leaves.unpack_from(message))


def decide(matcher: Matcher, message: bytes) -> int | None:
    layout = learn(message)
    leaves = dict(zip(layout.columns, layout.leaves.unpack_from(message), strict=True))
    return matcher.decide(layout.proto, leaves)


@st.composite
def _networks(draw: st.DrawFn, address: Address) -> tuple[Network, ...]:
    width = address.max_prefixlen
    length = draw(st.sampled_from([0, 1, width - 1, width]) | st.integers(0, width))
    near = ip_network((address, length), strict=False)
    others = st.lists(st.ip_addresses(v=4) | st.ip_addresses(v=6), max_size=3)
    far = [ip_network(other) for other in draw(others)]
    return tuple(draw(st.permutations([near, *far]))) if draw(st.booleans()) else (near,)


@st.composite
def _spans(draw: st.DrawFn, value: int) -> tuple[Span, ...]:
    first, last = draw(st.integers(0, value)), draw(st.integers(value, 0xFFFF))
    chosen = draw(st.sampled_from([(value, value), (first, last), (first, first), (last, last)]))
    more = draw(st.lists(st.tuples(u16, u16), max_size=2))
    return (*(tuple(sorted(pair)) for pair in more), chosen)  # type: ignore[arg-type]


@st.composite
def rules_about(draw: st.DrawFn, entry: Entry) -> Rule:
    """A rule that matches the message, or misses it by little."""
    values: dict[str, object] = {}
    sides: dict[str, Side] = {"orig": entry.orig, "reply": entry.reply}
    for name in draw(st.lists(st.sampled_from(ADDRESSES), max_size=2)):
        side, end = name.split("_")
        values[name] = draw(_networks(getattr(sides[side], end)))
    for name in draw(st.lists(st.sampled_from(PORTS), max_size=1)):
        side, end = name.split("_")
        ports = sides[side].ports or (7, 9)
        if entry.proto not in (ICMP, ICMPV6) or ports == (7, 9):
            values[name] = draw(_spans(ports[end == "dport"]))
    if draw(st.booleans()):
        protos = st.lists(st.just(entry.proto) | u8, min_size=1, max_size=3, unique=True)
        values["proto"] = tuple(draw(protos))
    if draw(st.integers(0, 3)) == 0:
        zones = [entry.zone, entry.orig.zone, entry.reply.zone, 0, 7]
        values["zone"] = (draw(st.sampled_from([zone for zone in zones if zone is not None])),)
    values["direction"] = draw(
        st.just(()) | st.lists(st.sampled_from(DIRECTIONS), max_size=2, unique=True).map(tuple)
    )
    return Rule(draw(st.sampled_from(["accept", "deny"])), **values)  # type: ignore[arg-type]


def rule_sets_about(entry: Entry, most: int = 6) -> st.SearchStrategy[RuleSet]:
    return st.lists(rules_about(entry), min_size=1, max_size=most).map(
        lambda rules: RuleSet(tuple(rules))
    )
