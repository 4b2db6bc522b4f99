"""The rules evaluated in Python, on the rows of the decoder.

Of each value of a column the rules that it satisfies are kept as a number with a bit a rule: the
rules that a row satisfies are the bits that all its columns have in common, and the lowest one
decides. So a row costs a look-up a column, however many rules there are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from ctaudit.conntrack.endpoint import ICMP, ICMPV6
from ctaudit.conntrack.filter import ADDRESSES, DENY, PORTS, Rule, RuleSet
from ctaudit.conntrack.filter_index import NetworkIndex, SpanIndex
from ctaudit.conntrack.layout import Layout

_ZONES = ("zone", "orig_zone", "reply_zone")
_REMEMBERED = 100_000  # values of a column

Row = tuple[bytes, ...]
Leaves = Mapping[str, bytes]  # column -> the leaf, in network byte order


class Matcher:
    """Finds the rule that decides on a row, or on the leaves of one message."""

    def __init__(self, rules: RuleSet) -> None:
        self._rules = rules.rules
        self._all = (1 << len(self._rules)) - 1
        self._deny = self._mask(lambda rule: rule.action == DENY)
        self._index: dict[str, NetworkIndex | SpanIndex] = {
            name: NetworkIndex([getattr(rule, name) for rule in self._rules]) for name in ADDRESSES
        }
        self._index |= {
            name: SpanIndex([getattr(rule, name) for rule in self._rules]) for name in PORTS
        }
        self._free_zone = self._mask(lambda rule: not rule.zone)
        self._directions = {
            (snat, dnat): self._mask(partial(_has_direction, snat=snat, dnat=dnat))
            for snat in (False, True)
            for dnat in (False, True)
        }
        self._needs_direction = any(rule.direction for rule in self._rules)
        self._known: dict[str, dict[bytes, int]] = {name: {} for name in (*ADDRESSES, *PORTS)}
        self._known_zones: dict[tuple[bytes, ...], int] = {}
        self._layouts: dict[Layout, Callable[[Row], bool]] = {}

    def denies(self, layout: Layout) -> Callable[[Row], bool]:
        """Whether the rules exclude a row of ``layout``."""
        found = self._layouts.get(layout)
        if found is None:
            if len(self._layouts) >= 2048:
                self._layouts.clear()
            found = self._layouts[layout] = self._for_layout(layout)
        return found

    def decide(self, proto: int, leaves: Leaves) -> int | None:
        """The number of the rule that decides, counted from 0; None: no rule matches."""
        mask = self._all & self._of_proto(proto)
        for name in ADDRESSES:
            mask &= self._of(name, leaves.get(name))
        for name in PORTS:
            mask &= self._of(name, None if proto in (ICMP, ICMPV6) else leaves.get(name))
        mask &= self._of_zones([leaves[name] for name in _ZONES if name in leaves])
        mask &= self._directions[find_translation(proto, leaves)]
        return (mask & -mask).bit_length() - 1 if mask else None

    def _for_layout(self, layout: Layout) -> Callable[[Row], bool]:
        """What no row of the layout changes is worked out here."""
        place = {name: number for number, name in enumerate(layout.columns)}
        base = self._all & self._of_proto(layout.proto)
        looked_up = []
        for name in (*ADDRESSES, *PORTS):
            if name not in place or (name in PORTS and layout.proto in (ICMP, ICMPV6)):
                base &= self._index[name].free
            elif self._index[name].free != self._all:
                looked_up.append((place[name], name, self._known[name]))
        zones = [place[name] for name in _ZONES if name in place]
        if not zones:
            base &= self._of_zones([])
        elif self._free_zone == self._all:
            zones = []
        deny, of_zones, of = self._deny, self._of_zones, self._of
        directions = self._directions if self._needs_direction else None
        columns, proto = layout.columns, layout.proto

        def denies(row: Row) -> bool:
            mask = base
            for number, name, known in looked_up:
                leaf = row[number]
                satisfied = known.get(leaf)
                mask &= of(name, leaf) if satisfied is None else satisfied
            if zones:
                mask &= of_zones([row[number] for number in zones])
            if directions:
                leaves = dict(zip(columns, row, strict=False))
                mask &= directions[find_translation(proto, leaves)]
            return bool(mask & -mask & deny)

        return denies

    def _mask(self, holds: Callable[[Rule], bool]) -> int:
        return sum(1 << number for number, rule in enumerate(self._rules) if holds(rule))

    def _of_proto(self, proto: int) -> int:
        return self._mask(lambda rule: not rule.proto or proto in rule.proto)

    def _of_zones(self, zones: list[bytes]) -> int:
        """A message names the zone of both directions, or of one; without any it is 0."""
        if self._free_zone == self._all:
            return self._all
        key = tuple(zones)
        found = self._known_zones.get(key)
        if found is None:
            numbers = {int.from_bytes(leaf, "big") for leaf in zones} or {0}
            found = self._mask(lambda rule: not rule.zone or not numbers.isdisjoint(rule.zone))
            self._known_zones[key] = found
        return found

    def _of(self, name: str, leaf: bytes | None) -> int:
        """The rules that a value of a column satisfies; None: the message does not have it."""
        if leaf is None:
            return self._index[name].free
        known = self._known[name]
        found = known.get(leaf)
        if found is None:
            if len(known) >= _REMEMBERED:
                known.clear()
            found = known[leaf] = self._index[name].find(leaf)
        return found


def find_translation(proto: int, leaves: Leaves) -> tuple[bool, bool]:
    """Whether the source was translated, whether the destination: the tuples mirror each other.

    By address or port; of ICMP by address. The tuples of a connection never change once it is
    announced (nf_conntrack_alter_reply is for unconfirmed ones), and are in every message.
    """
    snat = leaves.get("orig_src") != leaves.get("reply_dst")
    dnat = leaves.get("orig_dst") != leaves.get("reply_src")
    if proto not in (ICMP, ICMPV6):
        snat = snat or leaves.get("orig_sport") != leaves.get("reply_dport")
        dnat = dnat or leaves.get("orig_dport") != leaves.get("reply_sport")
    return snat, dnat


def _has_direction(rule: Rule, *, snat: bool, dnat: bool) -> bool:
    holds = {
        "snat": snat, "dnat": dnat, "nat_only": snat or dnat,
        "no_snat": not snat, "no_dnat": not dnat,
    }  # fmt: skip
    return all(holds[word] for word in rule.direction)
