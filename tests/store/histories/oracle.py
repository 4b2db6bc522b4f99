"""What is true, and whether the record proves it. Shares no code with the SQL.

The truth of a question: the connections that fit it and were alive in its span, in true time.

``provable`` is said only where the committed record, read by an ideal reader, leaves one
possible answer; where it is doubtful, it is not said (so an answer *unknown* is needless only
where this is sure). All of this must hold for each node asked:
  - The span lies in a stream that keeps openings and ends (live), and touches no loss window:
    from the last DRAINED before a loss to the end of the next complete dump that began after
    it. The start of a stream, a stop, the end of what is committed are losses, too. In history
    mode a complete dump that began after the span is needed, and all ends until 65 s after it.
    In nat mode nothing is provable, nor where two machines record under one name.
  - It touches no time in which the clock was wrong or may have been: from the last note that
    found it synchronised before a step until a complete dump after it; nor where such a clock
    said that it was.
  - If it asks for UDP, or for all protocols, it touches no time in which a UDP entry may have
    been there that had no NEW because packets of one socket clashed: from the last look at the
    kernel's counter before a rise until the longest time-out of UDP after the look that found it.
  - It touches no time in which the kernel did not announce what began or ended: from the
    complete dump before until the first complete one after all is over.
  - Each connection that fits, and of which anything is recorded, was surely alive in the span or
    surely not, by the times that the record has of it (bounds.py). A dump that shows it after a
    gap proves it alive from its start until then; what ended inside a gap was alive until the
    gap, less the 65 s for which an entry may have expired before its DESTROY.
    What a wrong clock stamped of it, or a second connection of the same tuple and id without
    the kernel's stamps, leaves it in doubt.

``optional``: alive, but nothing can tell: what the kernel never announced and nothing recorded
 shows; what a gateway carried before the first of its streams is known; where two machines have
 one name, what is not in its own one's record; a clash until its note is there. ``ghosts``: ended,
 but nothing can tell yet: the record ends before the DESTROY was sent; or none was, though the
 notes say that one would be, and no two dumps two minutes apart lack it, or a loss explains it.
 ``is_blind``: the clock was wrong, and no note has told of a step yet: the record may say that
 nothing synchronised it, as of many a right one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from tests.store.histories.bounds import LAZY, Bounds, find_bounds
from tests.store.histories.doubts import (
    doubt_clock,
    doubt_history,
    is_stamped_wrong,
    window_around,
)
from tests.store.histories.evidence import NEVER, Evidence, Window, read_evidence
from tests.store.histories.questions import Question
from tests.store.histories.recording import Call
from tests.store.histories.traffic import UDP
from tests.store.histories.truth import (
    FOREVER,
    HOUR,
    MINUTE,
    SECOND,
    Connection,
    Gateway,
    History,
    Span,
)


class UnsoundOracle(AssertionError):
    """A thing was called provable, and is not true: the oracle is wrong."""


@dataclass(frozen=True)
class Truth:
    """``doubt``: why it is not provable, empty where it is."""

    alive: tuple[Connection, ...]
    optional: tuple[Connection, ...]
    ghosts: tuple[Connection, ...]
    doubt: str
    is_blind: bool = False

    @property
    def provable(self) -> bool:
        return not self.doubt


class Oracle:
    """One history, as far as it had been committed at a stage."""

    def __init__(self, history: History, calls: Sequence[Call], stage: int) -> None:
        cut = history.stages[stage].cut
        committed = [call for call in calls if call.at <= cut(call.gateway)]
        self._connections = history.connections
        self._gateways = history.gateways
        self._nodes: dict[str, list[Gateway]] = {}
        for gateway in history.gateways:
            self._nodes.setdefault(gateway.name, []).append(gateway)
        self._evidence = {
            name: read_evidence([call for call in committed if call.node == name])
            for name in self._nodes
        }
        self._own = {
            gateway.number: read_evidence(
                [call for call in committed if call.gateway == gateway.number]
            )
            for gateway in history.gateways
        }
        self._doubts = {name: list(self._doubtful(name)) for name in self._nodes}
        self._clashes = {name: list(self._clashing(name)) for name in self._nodes}

    def answer(self, question: Question) -> Truth:
        fitting = [
            one
            for one in self._connections
            if question.node in (None, self._gateways[one.gateway].name) and question.fits(one)
        ]
        alive = [one for one in fitting if one.alive(question.begin, question.end)]
        optional = tuple(one for one in alive if self._is_hidden(one, question))
        ghosts = tuple(one for one in fitting if self._is_ghost(one, question))
        doubt = self._find_doubt(question, fitting, alive)
        is_blind = any(
            where.meets(question.begin, question.end)
            or any(span.holds(at) for one in fitting for at in (one.start, one.stop))
            for span, where in self._blind(question)
        )
        return Truth(tuple(alive), optional, ghosts, doubt, is_blind)

    def _blind(self, question: Question) -> Iterator[tuple[Span, Span]]:
        """When a clock was wrong of which no step tells; where it was, or said that it was."""
        for name, gateways in self._nodes.items():
            if question.node not in (None, name):
                continue
            evidence = self._evidence[name]
            for gateway in gateways:
                for span, offset in gateway.clock.wrong():
                    begun = any(abs(at - span.begin) < LAZY for at in evidence.steps)
                    if any(at >= span.end for at in evidence.steps) or begun:
                        continue
                    yield span, Span(span.begin - SECOND, span.end + SECOND)
                    yield span, Span(span.begin + offset - SECOND, span.end + offset + SECOND)

    def _known(self, one: Connection) -> Evidence:
        return self._evidence[self._gateways[one.gateway].name]

    def _is_hidden(self, one: Connection, question: Question) -> bool:
        evidence = self._known(one)
        if evidence.started >= question.end:
            return True
        if len(self._nodes[self._gateways[one.gateway].name]) > 1 and any(
            window.meets(question.begin, question.end) for window in self._own[one.gateway].losses
        ):
            return True
        if one.is_clashed and any(each.holds(one.start) for each in evidence.clashes):
            return False
        untold = not one.opening_told or not one.end_told
        is_read = question.end <= evidence.covered
        return untold and is_read and one.number not in evidence.facts

    def _is_ghost(self, one: Connection, question: Question) -> bool:
        evidence = self._known(one)
        if one.stop >= question.begin or one.number not in evidence.facts:
            return False
        if one.end_told:
            return one.destroyed > evidence.covered
        if "not announced" in one.features:
            # The notes tell that it would not be.
            return False
        first = evidence.dump_after(one.stop)
        if first is None or any(each.meets(one.stop, first.end) for each in evidence.losses):
            return True
        return evidence.dump_after(first.begin + 2 * MINUTE) is None

    def _find_doubt(
        self, question: Question, fitting: Sequence[Connection], alive: Sequence[Connection]
    ) -> str:
        asked = [question.node] if question.node else sorted(self._nodes)
        if all(self._evidence[name].started >= question.end for name in asked):
            return "no node had a record yet"
        for name in asked:
            evidence = self._evidence[name]
            own = [one for one in fitting if self._gateways[one.gateway].name == name]
            if evidence.started >= question.end and question.node is None:
                # The store does not ask a node that had no record yet.
                if any(one.alive(question.begin, question.end) for one in own):
                    return f"{name}: had no record yet"
                continue
            doubt = self._doubt_node(name, question) or self._doubt_connections(
                evidence, own, question
            )
            if doubt:
                return f"{name}: {doubt}"
        proven = [
            one for one in fitting if self._is_surely_alive(one, question.begin, question.end)
        ]
        if set(proven) != set(alive):
            raise UnsoundOracle(f"{question}: proven {proven}, true {alive}")
        return ""

    def _is_surely_alive(self, one: Connection, begin: int, end: int) -> bool:
        bounds = find_bounds(self._gateways[one.gateway], one, self._known(one))
        return bounds is not None and bounds.surely_alive(begin, end)

    def _doubt_node(self, name: str, question: Question) -> str:
        begin, end = question.begin, question.end
        evidence = self._evidence[name]
        if len(self._nodes[name]) > 1:
            return "two machines of one name"
        clashes = self._clashes[name] if question.proto in (None, UDP) else []
        for window, why in (*self._doubts[name], *clashes):
            if window.meets(begin, end):
                return why
        for span, mode in evidence.modes:
            if not span.meets(begin, end):
                continue
            if mode == "nat":
                return "nat mode"
            if mode == "history":
                return doubt_history(evidence, end)
        return ""

    def _doubt_connections(
        self, evidence: Evidence, fitting: Iterable[Connection], question: Question
    ) -> str:
        for one in fitting:
            gateway = self._gateways[one.gateway]
            bounds = find_bounds(gateway, one, evidence)
            if bounds is None:
                continue
            if not one.end_told and one.start < question.end and one.stop < FOREVER:
                return f"c{one.number} ended untold"
            if is_stamped_wrong(gateway, one, evidence):
                return f"c{one.number} was stamped by a wrong clock"
            if not one.stamped and self._has_twin(one):
                return f"c{one.number} has no stamps, and its tuple and id came twice"
            begin, end = question.begin, question.end
            bounds = self._without_unheard(bounds, one, evidence)
            if not bounds.surely_alive(begin, end) and not bounds.surely_not(begin, end):
                return f"c{one.number} may have been alive"
        return ""

    def _without_unheard(self, bounds: Bounds, one: Connection, evidence: Evidence) -> Bounds:
        """Of what dumps alone show, the end is heard only if the kernel announced it at its start.

        The start must lie in a stream, or between two of one boot, by notes that say so; near a
        change of the setting, or where something else was not announced, nothing is sure.
        """
        facts = evidence.facts.get(one.number, [])
        if any(fact.kind in ("opening", "end") for fact in facts):
            return bounds
        gateway = self._gateways[one.gateway]
        around = [stream for stream in gateway.streams if stream.begin <= one.start][-1:]
        around += [stream for stream in gateway.streams if stream.begin > one.start][:1]
        within = bool(around) and around[0].begin <= one.start
        boots = {sum(at <= stream.begin for at in gateway.reboots) for stream in around}
        is_sure = (
            one.stamped
            and within
            and (one.start < around[0].end - MINUTE or len(boots) == 1)
            and gateway.announces(one.start)
            and all(abs(one.start - at) > HOUR for at, _ in gateway.events[1:])
            and not any(
                window.meets(one.start - 1, one.start + 1) and why.endswith("not announced")
                for window, why in self._doubts[gateway.name]
            )
        )
        shown = max((fact.at for fact in facts if fact.kind == "entry"), default=NEVER)
        return bounds if is_sure else replace(bounds, first_end=min(bounds.first_end, shown))

    def _has_twin(self, one: Connection) -> bool:
        return any(
            other.gateway == one.gateway
            and other.proto == one.proto
            and other.orig == one.orig
            and other.ct_id == one.ct_id
            and other is not one
            for other in self._connections
        )

    def _doubtful(self, name: str) -> Iterator[tuple[Window, str]]:
        """Spans in which nothing is provable of a node, and why."""
        evidence = self._evidence[name]
        for window in evidence.losses:
            yield window, "something may have been lost"
        for gateway in self._nodes[name]:
            for window in doubt_clock(gateway, evidence):
                yield window, "the clock was or may have been wrong"
            for one in self._connections:
                silent = not one.end_told and one.stop < FOREVER
                untold = silent or not (one.opening_told or one.is_clashed)
                if one.gateway == gateway.number and untold:
                    yield window_around(evidence, one), f"c{one.number} was not announced"

    def _clashing(self, name: str) -> Iterator[tuple[Window, str]]:
        """What the notes say, and the entries of which none says anything yet."""
        for window in self._evidence[name].clashes:
            yield window, "packets of one UDP socket clashed"
        for one in self._connections:
            if one.is_clashed and self._gateways[one.gateway].name == name:
                yield Window(one.start, one.stop + 1), f"c{one.number} was made by a clash"
