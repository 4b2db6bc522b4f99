"""Which rules a value satisfies, found without a look at each rule.

Sets of rules are numbers with a bit a rule.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence

from ctaudit.conntrack.filter import Network, Span


class NetworkIndex:
    """Of addresses; ``conditions``: each rule's networks, none: it has no such condition."""

    def __init__(self, conditions: Sequence[Sequence[Network]]) -> None:
        self.free = sum(1 << rule for rule, networks in enumerate(conditions) if not networks)
        by_mask: dict[tuple[int, int], dict[int, int]] = defaultdict(lambda: defaultdict(int))
        for rule, networks in enumerate(conditions):
            for network in networks:
                key = network.max_prefixlen // 8, int(network.netmask)
                by_mask[key][int(network.network_address)] |= 1 << rule
        self._by_size: dict[int, list[tuple[int, dict[int, int]]]] = defaultdict(list)
        for (size, mask), rules in by_mask.items():
            self._by_size[size].append((mask, rules))

    def find(self, leaf: bytes) -> int:
        value, found = int.from_bytes(leaf, "big"), self.free
        for mask, rules in self._by_size.get(len(leaf), ()):
            found |= rules.get(value & mask, 0)
        return found


class SpanIndex:
    """Of ports; ``conditions``: each rule's spans, none: it has no such condition."""

    def __init__(self, conditions: Sequence[Sequence[Span]]) -> None:
        self.free = sum(1 << rule for rule, spans in enumerate(conditions) if not spans)
        begins: dict[int, int] = defaultdict(int)
        ends: dict[int, int] = defaultdict(int)
        for rule, spans in enumerate(conditions):
            for first, last in join_spans(spans):
                begins[first] |= 1 << rule
                ends[last + 1] |= 1 << rule
        found = self.free
        self._edges: list[int] = sorted({0, *begins, *ends})
        self._rules: list[int] = []
        for edge in self._edges:
            found = found & ~ends.get(edge, 0) | begins.get(edge, 0)
            self._rules.append(found)

    def find(self, leaf: bytes) -> int:
        value = int.from_bytes(leaf, "big")
        return self._rules[bisect_right(self._edges, value) - 1]


def join_spans(spans: Sequence[Span]) -> list[Span]:
    """The same values in spans that neither overlap nor touch, in their order."""
    joined: list[Span] = []
    for first, last in sorted(spans):
        if joined and first <= joined[-1][1] + 1:
            joined[-1] = joined[-1][0], max(last, joined[-1][1])
        else:
            joined.append((first, last))
    return joined
