"""What the committed part of a node's record tells an ideal reader, in true time.

A loss window begins where something may have been lost (the last DRAINED before it) and ends
with the end of the next complete dump that began afterwards: that dump shows who is alive.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tests.store.histories.recording import Call, Fact
from tests.store.histories.truth import FOREVER, MILLISECOND, SECOND, UDP_TIMEOUT, Span

NEVER = -FOREVER
# The gap in the store may begin a little earlier and end a little later than here.
_EDGE = 20 * MILLISECOND


@dataclass(frozen=True)
class CompleteDump:
    number: int
    begin: int
    end: int


@dataclass(frozen=True)
class Window:
    """``closed_by``: the dump that ended it, None: nothing has."""

    begin: int
    end: int
    closed_by: CompleteDump | None = None

    def meets(self, begin: int, end: int) -> bool:
        return self.begin < end and begin < self.end

    def holds(self, at: int) -> bool:
        return self.begin <= at < self.end


@dataclass
class Evidence:
    """``losses``: in order of time; ``modes``: the span of each stream, and its mode.

    ``clashes``: while a UDP entry may be there that had no NEW.
    ``facts``: of each connection, by number. ``started``: true time of the first start note.
    ``steps``: when a step of the clock was noted.
    """

    started: int = FOREVER
    covered: int = NEVER
    losses: list[Window] = field(default_factory=list)
    dumps: list[CompleteDump] = field(default_factory=list)
    modes: list[tuple[Span, str]] = field(default_factory=list)
    clock: list[tuple[int, bool]] = field(default_factory=list)
    steps: list[int] = field(default_factory=list)
    clashes: list[Window] = field(default_factory=list)
    facts: dict[int, list[Fact]] = field(default_factory=dict)

    def dump_after(self, at: int) -> CompleteDump | None:
        """The first complete dump that began after ``at``."""
        return next((dump for dump in self.dumps if dump.begin > at), None)

    def dump_before(self, at: int) -> CompleteDump | None:
        """The last complete dump that ended before ``at``."""
        return next((dump for dump in reversed(self.dumps) if dump.end < at), None)

    def last_right(self, at: int) -> int:
        """When the clock was last found synchronised before ``at``."""
        return max([time for time, right in self.clock if right and time < at], default=NEVER)


class _Reader:
    """Walks the facts in the order of the stream."""

    def __init__(self) -> None:
        self.found = Evidence()
        self._lost_since: int | None = NEVER
        self._running: tuple[int, int] | None = None

    def read(self, calls: Iterable[Call]) -> None:
        for call in calls:
            for fact in call.facts:
                if fact.kind == "clashes":
                    over = fact.at + UDP_TIMEOUT
                    self.found.clashes.append(Window(fact.since - _EDGE, over + _EDGE))
                else:
                    self._take(fact, call.mode)

    def finish(self) -> Evidence:
        found = self.found
        since = found.covered if self._lost_since is None else self._lost_since
        found.losses.append(Window(min(since, found.covered) - _EDGE, FOREVER))
        found.dumps.sort(key=lambda dump: dump.begin)
        return found

    def _take(self, fact: Fact, mode: str) -> None:
        found = self.found
        if fact.connection >= 0 and fact.kind != "lost":
            found.facts.setdefault(fact.connection, []).append(fact)
        elif fact.kind == "drained":
            found.covered = max(found.covered, fact.at)
        elif fact.kind == "start":
            self._lose(found.covered)
            found.started = min(found.started, fact.at)
            if found.modes:
                span, earlier = found.modes[-1]
                found.modes[-1] = (Span(span.begin, fact.at), earlier)
            found.modes.append((Span(fact.at, FOREVER), mode))
        elif fact.kind == "stop":
            self._lose(found.covered)
        elif fact.kind == "lost":
            self._lose(min(fact.since, found.covered) - SECOND)
        elif fact.kind == "clock":
            found.clock.append((fact.at, fact.right))
            found.steps += [fact.at] * fact.stepped
        elif fact.kind == "dump begin":
            self._running = (fact.dump, fact.at)
        elif fact.kind == "dump end" and self._running and self._running[0] == fact.dump:
            self._complete(CompleteDump(fact.dump, self._running[1], fact.at))

    def _lose(self, since: int) -> None:
        self._running = None
        self._lost_since = since if self._lost_since is None else min(self._lost_since, since)

    def _complete(self, dump: CompleteDump) -> None:
        self._running = None
        self.found.dumps.append(dump)
        if self._lost_since is not None:
            window = Window(self._lost_since - _EDGE, dump.end + _EDGE, dump)
            self.found.losses.append(window)
            self._lost_since = None


def read_evidence(calls: Sequence[Call]) -> Evidence:
    """Of the calls of one node, in the order in which they were committed."""
    reader = _Reader()
    reader.read(calls)
    return reader.finish()
