"""The time line of a public port: who used it around the asked time, as values to be drawn.

Only the hosts of the answer are named. The others' bars show that the port was used again, and a
page that is handed over must not name who did.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ctaudit.conntrack.endpoint import Address
from ctaudit.query.answer import IMPORTED, Answer
from ctaudit.query.path import begin_of, end_of
from ctaudit.query.reply import Reply
from ctaudit.query.time_notation import TimeSpan
from ctaudit.query.uncovered import Uncovered
from ctaudit.report.surroundings import Surroundings

LANES_MAX = 8  # hosts that have a lane of their own
BARS_MAX = 40  # in a lane
_SIDES = tuple(timedelta(seconds=seconds) for seconds in (15, 60, 300))


@dataclass(frozen=True)
class Bar:
    """One connection, cut to the window. ``is_sure``: both its times in the window are known."""

    begin: datetime
    end: datetime
    is_answer: bool
    is_sure: bool


@dataclass(frozen=True)
class Lane:
    """The connections of one host; ``host`` None: one that is not named."""

    host: Address | None
    bars: tuple[Bar, ...]
    left_out: int = 0


@dataclass(frozen=True)
class Timeline:
    """``doubtful``: parts of the window in which the record is not complete for the question.

    ``is_proven``: the verdict is not unknown. ``hidden``: hosts without a lane. ``others``: hosts
    that are not of the answer.
    """

    window: TimeSpan
    asked: TimeSpan
    lanes: tuple[Lane, ...]
    doubtful: tuple[TimeSpan, ...]
    is_proven: bool = True
    hidden: int = 0
    others: int = 0


def make_timeline(reply: Reply, around: Surroundings) -> Timeline:
    """Of the port where the question names one, else of the answers alone."""
    found = _list_recorded(reply)
    near = _list_recorded(around.port) if around.port else found
    # A connection that began or ended since the first look is still the one of the answer.
    named = {_key(each) for each in found}
    every = {_key(each): each for each in (*near, *found)}.values()
    asked = reply.question.span
    window = end_by(around.looked_at, asked, choose_window(asked, every, around.uncovered))
    shown = [each for each in every if _touches(each, window)]
    hosts = [each.host for each in found]
    others = sorted({each.host for each in shown} - set(hosts), key=lambda host: host.packed)
    order = [*dict.fromkeys(host for host in hosts if any(e.host == host for e in shown)), *others]
    lanes = tuple(
        _make_lane(
            host if host in hosts else None,
            [each for each in shown if each.host == host],
            window,
            named,
        )
        for host in order[:LANES_MAX]
    )
    return Timeline(
        window,
        asked,
        lanes,
        tuple(_find_doubtful(around, window)) if _has_record(reply, around) else (window,),
        reply.verdict.name != "unknown",
        len(order) - len(lanes),
        len(others),
    )


def _has_record(reply: Reply, around: Surroundings) -> bool:
    """Whether any gateway had one: of none the store names no part that it lacks."""
    return bool(reply.coverage or (around.port is not None and around.port.coverage))


def choose_window(
    asked: TimeSpan, answers: Iterable[Answer], uncovered: Iterable[Uncovered] = ()
) -> TimeSpan:
    """The narrowest with a start or an end on either side of the asked time, else the widest.

    So two uses of a port that lie seconds apart can be told apart.
    """
    edges = [time for each in answers for time in (begin_of(each), end_of(each))]
    for part in uncovered:
        edges += [time for time in (part.uncovered_from, part.uncovered_until) if time]
    for side in _SIDES:
        window = TimeSpan(asked.begin - side, asked.end + side)
        before = any(window.begin <= edge < asked.end for edge in edges)
        after = any(asked.begin <= edge < window.end for edge in edges)
        if before and after:
            break
    return window


def end_by(now: datetime, asked: TimeSpan, window: TimeSpan) -> TimeSpan:
    """The window without the future, of which a blank would say that nobody used the port."""
    return TimeSpan(window.begin, max(asked.end, min(window.end, now)))


def _list_recorded(reply: Reply) -> list[Answer]:
    return [each for each in reply.answers if each.provenance != IMPORTED]


def _key(answer: Answer) -> tuple[object, ...]:
    """What is the same of a connection in two replies, whatever came to be known between them."""
    return (
        answer.node, answer.zone, answer.proto, answer.ct_id, answer.orig_src, answer.orig_sport,
        answer.orig_dst, answer.orig_dport, answer.started_at,
    )  # fmt: skip


def _touches(answer: Answer, window: TimeSpan) -> bool:
    return begin_of(answer) < window.end and end_of(answer) >= window.begin


def _make_lane(
    host: Address | None,
    answers: Sequence[Answer],
    window: TimeSpan,
    named: set[tuple[object, ...]],
) -> Lane:
    in_order = sorted(answers, key=lambda each: (_key(each) not in named, begin_of(each)))
    bars = tuple(_cut(each, window, _key(each) in named) for each in in_order[:BARS_MAX])
    return Lane(host, bars, len(answers) - len(bars))


def _cut(answer: Answer, window: TimeSpan, is_answer: bool) -> Bar:
    begin, end = begin_of(answer), end_of(answer)
    is_begin_known = answer.started_source not in (None, "dump") or begin < window.begin
    is_end_known = answer.ended_at is not None or answer.state == "open" or end >= window.end
    if answer.state in ("unknown", "unobserved"):
        is_end_known = False
    return Bar(
        max(begin, window.begin),
        min(end, window.end),
        is_answer,
        is_begin_known and is_end_known,
    )


def _find_doubtful(around: Surroundings, window: TimeSpan) -> Iterator[TimeSpan]:
    """Parts of all gateways, joined where they touch."""
    spans = sorted(
        (
            max(part.uncovered_from or window.begin, window.begin),
            min(part.uncovered_until or window.end, window.end),
        )
        for part in around.uncovered
    )
    last: TimeSpan | None = None
    for begin, end in spans:
        if begin >= end:
            continue
        if last is None:
            last = TimeSpan(begin, end)
        elif begin <= last.end:
            last = TimeSpan(last.begin, max(last.end, end))
        else:
            yield last
            last = TimeSpan(begin, end)
    if last is not None:
        yield last
