"""Where the host of an answer is a public address of another gateway: who was behind that one.

ctaudit.who follows the packets from one gateway to the next while both sightings were alive. That
of one gateway may begin before that of the other, by the difference of their clocks, and outlast
it: by another time-out, or where a table was flushed. So the gateway that has the address is asked
who was behind it for as long as the answer's connection was alive.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from ctaudit.conntrack.endpoint import ICMP, ICMPV6, Endpoint
from ctaudit.query.answer import IMPORTED, Answer, Coverage
from ctaudit.query.path import (
    CLOCKS_DIFFER,
    EVER,
    begin_of,
    end_of,
    inside_of,
    join_sightings,
    lacks_client_port,
    overlap,
)
from ctaudit.query.question import WhoQuestion
from ctaudit.query.time_notation import TimeSpan

FOLLOWED_MAX = 10  # answers of a question, as in ctaudit.who

Ask = Callable[[WhoQuestion], Sequence[Answer]]
Cover = Callable[[WhoQuestion, Sequence[Answer]], Sequence[Coverage]]


def find_holders(
    answers: Sequence[Answer], coverage: Sequence[Coverage]
) -> Iterator[tuple[Answer, Coverage]]:
    """Each answer whose host is a public address of another gateway, with that one.

    Not where it is the answering gateway's own address that was not translated.
    """
    if not any(item.holds for item in coverage):
        return
    own = {item.node: item.holds for item in coverage}
    for answer in answers:
        if answer.provenance == IMPORTED:
            continue
        if answer.host == answer.public and answer.host in own.get(answer.node, ()):
            continue
        for item in coverage:
            if item.node != answer.node and answer.host in item.holds:
                yield answer, item


def ask_behind(answer: Answer, node: str, question: WhoQuestion) -> WhoQuestion:
    """Who was behind ``node`` for as long as the answer's connection was alive, until the span."""
    begin = begin_of(answer)
    if answer.started_source == "dump" and answer.started_after is None:
        begin = EVER
    client, server, client_port, server_port = inside_of(answer)
    public, remote = Endpoint(client, client_port), Endpoint(server, server_port)
    if answer.direction == "inward":
        public, remote = remote, public
        if answer.proto in (ICMP, ICMPV6):
            # The id of a query stands at the client.
            public, remote = replace(public, port=client_port), replace(remote, port=None)
    asked = remote if answer.is_remote_stored else None
    span = TimeSpan(begin - CLOCKS_DIFFER, question.span.end + CLOCKS_DIFFER)
    return WhoQuestion(public, span, asked, answer.proto, node)


def choose_nearest(found: Sequence[Answer], span: TimeSpan) -> list[Answer]:
    """Those that were alive in the span, give or take what clocks differ; else the last before."""
    begin, end = span.begin - CLOCKS_DIFFER, span.end + CLOCKS_DIFFER
    alive = [one for one in found if begin_of(one) < end and end_of(one) >= begin]
    if alive:
        return alive
    last: datetime = max((end_of(one) for one in found if end_of(one) < begin), default=begin)
    return [one for one in found if end_of(one) == last]


@dataclass
class Follower:
    """Follows the answers of a question through the gateways that have their hosts' addresses.

    ``ask``: who's answers to a question; ``cover``: how complete the record is for it.
    """

    question: WhoQuestion
    ask: Ask
    cover: Cover
    _asked: set[tuple[Answer, str]] = field(default_factory=set)
    _judged: dict[str, Coverage] = field(default_factory=dict)

    def follow(self, answers: Sequence[Answer]) -> tuple[list[Answer], list[Coverage]]:
        """The answers with those behind them, and the coverage that all of them rest on."""
        found = list(answers)
        while True:
            coverage = [self._judged_over_life(item) for item in self.cover(self.question, found)]
            heads = [each.answer for each in join_sightings(found)] if _has_holder(coverage) else []
            held = list(find_holders(heads, coverage))
            steps = [(head, item) for head, item in held if (head, item.node) not in self._asked]
            is_whole = all(item.complete for _, item in held)
            if not steps or not is_whole or len(held) > FOLLOWED_MAX:
                return found, coverage
            for head, item in steps:
                found += self._ask_one(head, item, found)

    def _judged_over_life(self, item: Coverage) -> Coverage:
        judged = self._judged.get(item.node)
        if judged is None or not item.complete:
            return item
        return replace(item, complete=judged.complete, why=judged.why, by_pair=judged.by_pair)

    def _ask_one(self, head: Answer, item: Coverage, known: Sequence[Answer]) -> list[Answer]:
        """What ``item``'s gateway translated of it; it must be known for all of the time."""
        self._asked.add((head, item.node))
        question = ask_behind(head, item.node, self.question)
        found = self.ask(question)
        nearest = choose_nearest(
            [one for one in found if one.node == item.node], self.question.span
        )
        nested = [one for one in nearest if one.host != one.public]
        if lacks_client_port(head):
            # As ctaudit.nearer has them: each of them may be another connection.
            nested = [replace(one, exact=False) for one in nested]
        others = [one for one in found if one.node != item.node]
        nested += choose_nearest(
            [one for one in others if any(overlap(one, each) for each in nested)],
            self.question.span,
        )
        if nested or not any(one.exact for one in nearest):
            for judged in self.cover(question, ()):
                if judged.node == item.node and not judged.complete:
                    self._judged[item.node] = judged
        return [one for one in nested if one not in known]


def _has_holder(coverage: Sequence[Coverage]) -> bool:
    return any(item.holds for item in coverage)
