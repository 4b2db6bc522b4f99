"""Random histories: no verdict is false. ``python -m tests.store.histories`` for the long run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from lab.cluster import Cluster
from tests.markers import torture
from tests.store.histories.oracle import Oracle, Truth
from tests.store.histories.questions import make_questions
from tests.store.histories.recording import record
from tests.store.histories.report import format_causes, format_tally
from tests.store.histories.scoring import (
    FALSE,
    FALSE_NONE,
    NEEDLESS_UNKNOWN,
    RIGHT,
    Tally,
    grade,
    merge_sightings,
    score_history,
)
from tests.store.histories.sending import Store, open_store
from tests.store.histories.shrink import shrink
from tests.store.histories.timeline import format_history, format_scored
from tests.store.histories.truth import FOREVER, SECOND, Clock
from tests.store.histories.world import make_history


@pytest.fixture(scope="module")
def store(cluster: Cluster) -> Iterator[Store]:
    with open_store(cluster) as opened:
        yield opened


def test_equal_tuples_of_two_gateways_may_be_one_connection() -> None:
    one = replace(make_history(0).connections[0], gateway=0, start=0, stop=60 * SECOND)
    later = replace(one, gateway=1, start=30 * SECOND, stop=90 * SECOND)
    again = replace(one, gateway=1, start=95 * SECOND, stop=99 * SECOND)
    assert merge_sightings([later, one]) == [one]
    assert merge_sightings([one, again]) == [one, again]
    assert merge_sightings([one, replace(later, gateway=0)]) == [one, replace(later, gateway=0)]
    assert len(merge_sightings([one, replace(later, ct_id=5, proto=99)])) == 2
    assert merge_sightings([one, later, again]) == [one, again]


@pytest.mark.parametrize("count", [40, torture(400)])
def test_no_answer_is_false(store: Store, count: int) -> None:
    tally = Tally()
    for seed in range(count):
        history = make_history(seed)
        scored = score_history(store, history)
        tally.add(history, scored)
        for one in scored:
            if one.grade in FALSE:
                least, answer = shrink(store, history, one)
                pytest.fail(f"{format_history(least)}\n{format_scored(answer)}")
    assert tally.provable > 3 * count, "so many questions have a provable answer"
    assert tally.grades[RIGHT] > 9 * count
    assert list(format_tally(tally))
    assert list(format_causes({}))


def test_lookup_says_the_same(store: Store) -> None:
    """What is asked all at once here, and by lookup.ask_who one by one."""
    for seed in range(3):
        history = make_history(seed)
        last = len(history.stages) - 1
        questions = [one for one in make_questions(history) if one.stage == last]
        store.begin()
        store.send(record(history))
        at_once = store.ask(questions)
        assert [store.ask_alone(question).verdict for question in questions] == [
            said.verdict for said in at_once
        ]
        store.forget()


def test_a_seed_is_a_history() -> None:
    for seed in range(20):
        assert make_history(seed) == make_history(seed)
        assert record(make_history(seed)) == record(make_history(seed))


def test_what_is_provable_is_true() -> None:
    """The oracle itself refuses to call anything provable that is not true."""
    provable = asked = 0
    for seed in range(300):
        history = make_history(seed)
        calls = record(history)
        for question in make_questions(history):
            provable += Oracle(history, calls, question.stage).answer(question).provable
            asked += 1
    assert 0.25 * asked < provable < 0.75 * asked


def test_histories_are_as_a_kernel_makes_them() -> None:
    """No reply tuple is alive twice; an event is sent after what it tells, and read after that."""
    for seed in range(200):
        history = make_history(seed)
        for one in history.connections:
            assert one.start <= one.stop <= one.destroyed
            for other in history.connections:
                if (other.gateway, other.proto, other.reply) == (
                    one.gateway,
                    one.proto,
                    one.reply,
                ) and other.start > one.start:
                    assert one.stop < other.start
        known = {one.number: one for one in history.connections}
        for call in record(history):
            for fact in call.facts:
                if fact.kind == "opening":
                    # Its sending, which comes a little after the start.
                    assert fact.since <= known[fact.connection].start + 3 < fact.at <= call.at
                elif fact.kind == "end":
                    assert fact.since <= known[fact.connection].destroyed + 1 < fact.at
                elif fact.kind == "entry":
                    assert known[fact.connection].alive(fact.at, fact.at + 1)


def test_everything_sent_before_a_drained_has_been_told() -> None:
    for seed in range(200):
        history = make_history(seed)
        known = {one.number: one for one in history.connections}
        drained: dict[object, int] = {}
        for call in record(history):
            for fact in call.facts:
                if fact.kind == "opening":
                    assert known[fact.connection].start + 3 >= drained.get(call.stream, 0)
                elif fact.kind == "end":
                    assert known[fact.connection].destroyed + 1 >= drained.get(call.stream, 0)
            for fact in call.facts:
                if fact.kind == "drained":
                    drained[call.stream] = fact.at


def test_grades(store: Store) -> None:
    """The same answer is right or false by the truth it is held against."""
    history = make_history(1, ())
    scored = score_history(store, history)
    one = next(one for one in scored if one.said.verdict.name == "one")
    none = next(one for one in scored if one.said.verdict.name == "none")
    unknown = replace(one.said, verdict=replace(one.said.verdict, name="unknown"))
    nobody = Truth((), (), (), "")
    assert grade(one.question, one.said, one.truth) == RIGHT
    assert grade(one.question, one.said, nobody) in FALSE
    assert grade(one.question, unknown, one.truth) == NEEDLESS_UNKNOWN
    assert grade(one.question, unknown, replace(one.truth, doubt="a gap")) == RIGHT
    assert grade(none.question, none.said, one.truth) == FALSE_NONE


def test_a_clock() -> None:
    clock = Clock(((0, 0), (100, -30), (200, 0)))
    assert [clock.wall(at) for at in (99, 100, 199, 200)] == [99, 70, 169, 200]
    assert list(clock.steps()) == [(100, -30), (200, 30)]
    assert [(span.begin, span.end, offset) for span, offset in clock.wrong()] == [(100, 200, -30)]
    assert Clock(((0, 5),)).wall(FOREVER) == FOREVER + 5
