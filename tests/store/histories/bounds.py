"""Between which times a connection began and ended, by what the record tells of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tests.store.histories.evidence import NEVER, Evidence
from tests.store.histories.recording import Fact
from tests.store.histories.truth import FOREVER, MILLISECOND, SECOND, Connection, Gateway

# An entry has expired for up to a minute before its DESTROY is sent.
LAZY = 65 * SECOND
# From the kernel's stamp of a start to the sending of its NEW.
_SENDING = MILLISECOND


@dataclass(frozen=True)
class Bounds:
    """It began in [``first_start``, ``last_start``] and ended in [``first_end``, ``last_end``]."""

    first_start: int
    last_start: int
    first_end: int
    last_end: int

    def surely_alive(self, begin: int, end: int) -> bool:
        return self.last_start < end and self.first_end >= begin

    def surely_not(self, begin: int, end: int) -> bool:
        return self.first_start >= end or self.last_end < begin


def find_bounds(gateway: Gateway, one: Connection, evidence: Evidence) -> Bounds | None:
    """None where nothing is recorded of it."""
    facts = evidence.facts.get(one.number, [])
    complete = {dump.number for dump in evidence.dumps}
    openings = [fact for fact in facts if fact.kind == "opening"]
    ends = [fact for fact in facts if fact.kind == "end"]
    entries = [fact for fact in facts if fact.kind == "entry" and fact.dump in complete]
    if not openings and not ends and not entries:
        return None
    first_start, last_start = _bound_start(gateway, one, openings, ends, entries)
    seen = max([first_start, *(fact.at for fact in entries)])
    if ends:
        if one.stamped:
            return Bounds(first_start, last_start, one.stop, one.stop)
        first_end = max(seen, ends[0].since - LAZY)
        return Bounds(first_start, last_start, first_end, ends[0].at)
    first_end, last_end = _bound_open_end(evidence, first_start, last_start, entries)
    return Bounds(first_start, last_start, first_end, last_end)


def _bound_start(
    gateway: Gateway,
    one: Connection,
    openings: Sequence[Fact],
    ends: Sequence[Fact],
    entries: Sequence[Fact],
) -> tuple[int, int]:
    if one.stamped and (ends or entries):
        return one.start, one.start
    known = [fact.at for fact in (*openings, *ends, *entries)]
    if not openings:
        return NEVER, min(known)
    if one.stamped and gateway.event_times:
        return one.start - one.lead, min(known)
    return openings[0].since - _SENDING, min(known)


def _bound_open_end(
    evidence: Evidence, first_start: int, last_start: int, entries: Sequence[Fact]
) -> tuple[int, int]:
    """No end is recorded: it was alive until the next loss, and may have expired just before."""
    shown = max((fact.at for fact in entries), default=NEVER)
    seen = max(first_start, shown)
    for window in evidence.losses:
        dump = window.closed_by
        if dump is None:
            return max(seen, window.begin - LAZY), FOREVER
        # What was lost was lost before the dump began.
        if dump.begin <= max(shown, first_start):
            continue
        if last_start < dump.begin:
            return max(seen, window.begin - LAZY), dump.end
        return seen, FOREVER
    return seen, FOREVER
