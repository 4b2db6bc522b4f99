"""The store's verdicts held against the oracle's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from ctaudit.query.answer import Answer
from tests.store.histories.oracle import Oracle, Truth
from tests.store.histories.questions import (
    Question,
    each_stage,
    make_questions,
    near_end,
)
from tests.store.histories.recording import Call, record
from tests.store.histories.sending import Said, Store
from tests.store.histories.traffic import ESP, ICMP, TCP, UDP
from tests.store.histories.truth import SECOND, Connection, History

RIGHT = "right"
FALSE_ONE, FALSE_NONE, FALSE_SEVERAL = "false one", "false none", "false several"
NEEDLESS_UNKNOWN, NEEDLESS_SEVERAL = "needless unknown", "needless several"
UNFORESEEN = "unforeseen"  # false, but nothing that is recorded could have told
GRADES = (
    RIGHT, FALSE_ONE, FALSE_NONE, FALSE_SEVERAL, NEEDLESS_UNKNOWN, NEEDLESS_SEVERAL, UNFORESEEN,
)  # fmt: skip
FALSE = frozenset([FALSE_ONE, FALSE_NONE, FALSE_SEVERAL])
NEEDLESS = frozenset([NEEDLESS_UNKNOWN, NEEDLESS_SEVERAL])

# Host, its port, the remote and its port, the protocol: what an answer tells of a connection.
Ends = tuple[object, ...]


@dataclass(frozen=True)
class Scored:
    question: Question
    said: Said
    truth: Truth
    grade: str


def score_history(
    store: Store, history: History, questions: Sequence[Question] | None = None
) -> list[Scored]:
    """Records the history as far as each stage, asks there, and grades what is said."""
    calls = record(history)
    scored: list[Scored] = []
    store.begin()
    try:
        sent: set[int] = set()
        refused: set[UUID] = set()
        has_twins = len({one.name for one in history.gateways}) < len(history.gateways)
        for stage, asked in each_stage(list(questions or make_questions(history))):
            due = list(_due(history, calls, stage, sent))
            if has_twins:
                # The second machine of a name may be refused.
                store.send_each(due, refused)
            else:
                store.send(due)
            oracle = Oracle(history, calls, stage)
            for question, said in zip(asked, store.ask(asked), strict=True):
                truth = oracle.answer(question)
                whole = grade(question, said, truth)
                grades = [whole, *_grade_protocols(oracle, question, said)]
                worst = next((one for one in grades if one in FALSE), whole)
                scored.append(Scored(question, said, truth, worst))
    finally:
        store.forget()
    return scored


def _grade_protocols(oracle: Oracle, question: Question, said: Said) -> Iterator[str]:
    """The verdict of each protocol there is, held against the truth of it alone."""
    verdicts = {item.proto: item.verdict for item in said.protocols}
    for proto in (ICMP, TCP, UDP, ESP) if verdicts else ():
        asked = replace(question, proto=proto)
        answers = tuple(answer for answer in said.answers if answer.proto == proto)
        verdict = verdicts.get(proto, verdicts[None])
        yield grade(asked, Said(answers, said.coverage, verdict), oracle.answer(asked))


def _due(history: History, calls: Sequence[Call], stage: int, sent: set[int]) -> Iterator[Call]:
    cut = history.stages[stage].cut
    for place, call in enumerate(calls):
        if place not in sent and call.at <= cut(call.gateway):
            sent.add(place)
            yield call


def grade(question: Question, said: Said, truth: Truth) -> str:
    verdict = said.verdict.name
    found = [_ends_of_answer(answer) for answer in said.answers]
    alive = [_ends_of(one, question) for one in merge_sightings(truth.alive)]
    if verdict == "unknown":
        return NEEDLESS_UNKNOWN if truth.provable else RIGHT
    seen = [one for one in truth.alive if one not in truth.optional]
    required = [_ends_of(one, question) for one in merge_sightings(seen)]
    if verdict == "several" and not any(answer.exact for answer in said.answers) and not required:
        # Candidates only: none of them is said to have been alive.
        return NEEDLESS_SEVERAL if truth.provable else RIGHT
    if not _fits(verdict, found, alive, ()):
        allowed = [_ends_of(one, question) for one in (*truth.optional, *truth.ghosts)]
        if truth.is_blind or _fits(verdict, found, required, allowed):
            return UNFORESEEN
        return f"false {verdict}"
    if verdict == "several" and truth.provable and Counter(found) != Counter(alive):
        return NEEDLESS_SEVERAL
    return RIGHT


def merge_sightings(connections: Iterable[Connection]) -> list[Connection]:
    """One of each group that different gateways had with equal tuples at one time.

    Nothing in a record tells two connections from one that moved from gateway to gateway, at any
    time of its life, with its entry or without (docs/decisions/0028). Clocks differ by a second.
    """
    groups: list[list[Connection]] = []
    for one in sorted(connections, key=lambda each: each.start):
        for group in groups:
            if all(_may_be_one(one, other) for other in group):
                group.append(one)
                break
        else:
            groups.append([one])
    return [group[0] for group in groups]


def _may_be_one(one: Connection, other: Connection) -> bool:
    is_equal = (one.proto, one.orig, one.reply) == (other.proto, other.orig, other.reply)
    is_elsewhere = one.gateway != other.gateway
    begin, end = max(one.start, other.start), min(one.stop, other.stop)
    return is_equal and is_elsewhere and begin <= end + SECOND


def _fits(
    verdict: str, found: Sequence[Ends], required: Sequence[Ends], allowed: Sequence[Ends]
) -> bool:
    """Whether the verdict is true of ``required`` with some or none of ``allowed``."""
    if verdict == "none":
        return not required
    if verdict == "one":
        return len(required) < 2 and found[0] in (required or allowed)
    if not required:
        return any(ends in allowed for ends in found)
    return not Counter(required) - Counter(found)


def _ends_of_answer(answer: Answer) -> Ends:
    return answer.host, answer.host_port, answer.remote, answer.remote_port, answer.proto


def _ends_of(one: Connection, question: Question) -> Ends:
    if question.is_outward(one):
        return *near_end(one.orig), *near_end(one.reply), one.proto
    return *near_end(one.reply), *near_end(one.orig), one.proto


@dataclass
class Tally:
    """Grades of all questions, and of those of the histories that have a feature."""

    histories: int = 0
    grades: Counter[str] = field(default_factory=Counter)
    provable: int = 0
    features: dict[str, Counter[str]] = field(default_factory=dict)

    def add(self, history: History, scored: Iterable[Scored]) -> None:
        self.histories += 1
        for one in scored:
            self.grades[one.grade] += 1
            self.provable += one.truth.provable
            for name in history.features or {"(none)"}:
                counts = self.features.setdefault(name, Counter())
                counts[one.grade] += 1
                if len(history.features) < 2:
                    counts[f"alone {one.grade}"] += 1
                    counts["alone"] += 1

    @property
    def questions(self) -> int:
        return self.grades.total()
