"""One connection that several gateways or zones saw: which answers are of the same packets.

Two answers are equal where their tuples are: a pair of gateways that share their tables, or
gateways in a row that do not translate. They are also where one gateway saw the packets of one
direction first and the other those of the other, so that each tuple is the other's reply. One is
nearer to the host where the other received what it translated. Both only count while the times
overlap. A remote end that was not stored is equal to none. Imported answers are joined with equal
ones only. A client's port that is not known (ctaudit.record_aggregate) may be any.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ctaudit.conntrack.endpoint import GRE, ICMP, ICMPV6, NUMBERED_PROTOCOLS, Address
from ctaudit.query.answer import IMPORTED, Answer
from ctaudit.query.holder import Holder

CLOCKS_DIFFER = timedelta(seconds=1)  # of two gateways
EVER = datetime.min.replace(tzinfo=UTC) + CLOCKS_DIFFER * 2
NEVER = datetime.max.replace(tzinfo=UTC) - CLOCKS_DIFFER * 2

_WITH_PORTS = NUMBERED_PROTOCOLS - {ICMP, GRE, ICMPV6}

_Tuple = tuple[Address, Address, int | None, int | None]


@dataclass(frozen=True)
class Connection:
    """``answer``: the sighting nearest to the host, of equal ones the best.

    ``seen_by``: every sighting of it, the one of ``answer`` first, then away from the host.
    ``holder``: who had the host's address; None: the store has no holders, or was not asked.
    """

    answer: Answer
    seen_by: tuple[Answer, ...]
    holder: Holder | None = None


def join_sightings(answers: Sequence[Answer]) -> tuple[Connection, ...]:
    """The connections that the answers are of, in the order of their first answers.

    A sighting that is farther from the host is no connection of its own. It belongs to each that
    it may be of: it can outlast one whose port is used again.
    """
    groups = _group_equal(answers)
    if len(groups) == 1:
        return (Connection(groups[0][0], tuple(groups[0])),)
    nearer = _find_nearer(groups)
    farther: dict[int, list[int]] = {place: [] for place in range(len(groups))}
    heads = []
    for place in range(len(groups)):
        nearest = _walk(place, nearer)
        if not nearest:
            heads.append(place)
        for head in nearest:
            farther[head].append(place)
    return tuple(
        Connection(groups[head][0], tuple(_list_path(head, farther[head], groups, nearer)))
        for head in heads
    )


def _group_equal(answers: Sequence[Answer]) -> list[list[Answer]]:
    """Sightings with equal tuples, the best first; each joins that with the nearest start."""
    groups: list[list[Answer]] = []
    alike: dict[object, list[list[Answer]]] = {}
    for answer in answers:
        if not answer.is_remote_stored:
            groups.append([answer])
            continue
        tuples = frozenset((_orig(answer), _reply(answer)))
        known = alike.setdefault((answer.proto, tuples), [])
        fitting = [group for group in known if all(_is_equal(one, answer) for one in group)]
        if fitting:
            min(fitting, key=lambda group: _distance(group[0], answer)).append(answer)
        else:
            known.append([answer])
            groups.append(known[-1])
    return [sorted(group, key=_worth) for group in groups]


def _is_equal(one: Answer, other: Answer) -> bool:
    """Whether two sightings with equal tuples are of one connection.

    In one gateway they are only where a packet passed both zones at once; else they are of
    tenants with the same addresses.
    """
    if one.node != other.node:
        return overlap(one, other)
    if _zones(one) == _zones(other) or one.started_at is None or other.started_at is None:
        return False
    return _distance(one, other) <= CLOCKS_DIFFER


def _worth(answer: Answer) -> tuple[bool, bool, bool, datetime]:
    """Smallest is best: recorded, seen alive, its end known, earliest."""
    return (
        answer.provenance == IMPORTED,
        not answer.exact,
        answer.state != "ended",
        begin_of(answer),
    )


def _find_nearer(groups: Sequence[Sequence[Answer]]) -> list[list[int]]:
    """Of each group, those that are one step nearer to the host."""
    joinable = [(place, group[0]) for place, group in enumerate(groups) if _is_joinable(group[0])]
    sent: dict[object, list[int]] = {}
    for place, first in joinable:
        if _outside(first) != inside_of(first):
            sent.setdefault(_without_port(first, _outside(first)), []).append(place)
    nearer: list[list[int]] = [[] for _ in groups]
    for place, first in joinable:
        nearer[place] = [
            other
            for other in sent.get(_without_port(first, inside_of(first)), ())
            if _place(groups[other][0]) != _place(first)
            and _may_be_port(_outside(groups[other][0])[2], inside_of(first)[2])
            and overlap(groups[other][0], first)
        ]
    return nearer


def _without_port(answer: Answer, sent: _Tuple) -> object:
    source, target, _, target_port = sent
    return answer.proto, answer.direction, source, target, target_port


def _may_be_port(one: int | None, other: int | None) -> bool:
    return one is None or other is None or one == other


def _is_joinable(answer: Answer) -> bool:
    return answer.is_remote_stored and answer.provenance != IMPORTED


def _outside(answer: Answer) -> _Tuple:
    """Source and destination, as packets from the client have them on the side of the public."""
    return _orig(answer) if answer.direction == "inward" else _reversed(_reply(answer))


def inside_of(answer: Answer) -> _Tuple:
    """Source and destination of the same packets on the host's side."""
    return _reversed(_reply(answer)) if answer.direction == "inward" else _orig(answer)


def lacks_client_port(answer: Answer) -> bool:
    """Whether it is stored without, by ctaudit.record_aggregate."""
    return answer.proto in _WITH_PORTS and inside_of(answer)[2] is None


def _walk(place: int, nearer: Sequence[Sequence[int]]) -> list[int]:
    """The groups nearest to the host that are reached from ``place``, without itself."""
    reached, ends, waiting = {place}, [], list(nearer[place])
    while waiting:
        at = waiting.pop(0)
        if at in reached:
            continue
        reached.add(at)
        waiting += nearer[at]
        if not nearer[at]:
            ends.append(at)
    return ends


def _list_path(
    head: int,
    farther: Iterable[int],
    groups: Sequence[Sequence[Answer]],
    nearer: Sequence[Sequence[int]],
) -> Iterator[Answer]:
    """The sightings of the head, then the others by their number of steps from it."""
    steps, left = {head: 0}, list(farther)
    while left:
        step = [place for place in left if any(at in steps for at in nearer[place])]
        steps |= dict.fromkeys(step, max(steps.values()) + 1)
        left = [place for place in left if place not in steps]
    for place in steps:
        yield from groups[place]


def overlap(one: Answer, other: Answer) -> bool:
    """Whether both were alive at one time, as far as the clocks of two gateways agree."""
    return (
        begin_of(one) <= end_of(other) + CLOCKS_DIFFER
        and begin_of(other) <= end_of(one) + CLOCKS_DIFFER
    )


def begin_of(answer: Answer) -> datetime:
    """No earlier than this."""
    return answer.started_after or answer.started_at or EVER


def end_of(answer: Answer) -> datetime:
    """No later than this."""
    return answer.ended_at or answer.ended_before or NEVER


def _distance(one: Answer, other: Answer) -> timedelta:
    return abs(begin_of(one) - begin_of(other))


def _zones(answer: Answer) -> tuple[int, int | None, int | None]:
    return answer.zone, answer.orig_zone, answer.reply_zone


def _place(answer: Answer) -> tuple[object, ...]:
    return answer.node, *_zones(answer)


def _orig(answer: Answer) -> _Tuple:
    return answer.orig_src, answer.orig_dst, answer.orig_sport, answer.orig_dport


def _reply(answer: Answer) -> _Tuple:
    return answer.reply_src, answer.reply_dst, answer.reply_sport, answer.reply_dport


def _reversed(side: _Tuple) -> _Tuple:
    source, target, source_port, target_port = side
    return target, source, target_port, source_port
