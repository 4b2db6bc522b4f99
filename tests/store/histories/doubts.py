"""Spans and connections of which an oracle is not sure: clocks, what was not announced, history."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from tests.store.histories.bounds import LAZY
from tests.store.histories.evidence import NEVER, Evidence, Window
from tests.store.histories.truth import FOREVER, SECOND, Connection, Gateway


def doubt_history(evidence: Evidence, end: int) -> str:
    """By ends: those who were alive have ended since, or stand in a dump after the span."""
    dump = evidence.dump_after(end)
    if dump is None:
        return "no dump after it"
    if any(window.meets(end, dump.end + LAZY) for window in evidence.losses):
        return "ends may have been lost before the next dump"
    return ""


def doubt_clock(gateway: Gateway, evidence: Evidence) -> Iterator[Window]:
    first = min((stream.begin for stream in gateway.streams), default=FOREVER)
    spans: list[tuple[int, int, int]] = []
    for span, offset in gateway.clock.wrong():
        spans.append((max(first, span.begin), span.end, offset))
    for at, size in gateway.clock.steps():
        spans.append((at, at, size))
    for begin, end, offset in spans:
        good = max(min(evidence.last_right(begin), begin), NEVER)
        good = first if good == NEVER else good
        good = min(good, begin) - SECOND
        if end >= FOREVER:
            yield Window(good, FOREVER)
            continue
        dump = evidence.dump_after(end)
        yield Window(good, dump.end + SECOND if dump else FOREVER)
        for sign in (-1, 1):
            yield Window(good + sign * offset, end + sign * offset + 2 * SECOND)


def is_stamped_wrong(gateway: Gateway, one: Connection, evidence: Evidence) -> bool:
    times = [one.start, one.stop, one.destroyed]
    times += [fact.at for fact in evidence.facts.get(one.number, [])]
    return any(
        span.holds(at) and at < FOREVER for (span, _), at in product(gateway.clock.wrong(), times)
    )


def window_around(evidence: Evidence, one: Connection) -> Window:
    before = evidence.dump_before(one.start)
    gone = one.destroyed if one.end_told else one.stop
    after = evidence.dump_after(max(gone, one.start)) if gone < FOREVER else None
    return Window(before.begin if before else NEVER, after.end + SECOND if after else FOREVER)
