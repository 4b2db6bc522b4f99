"""The number of events that a batch may have while the rejected one is looked for."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ctaudit.record.bisection import Bisection


def test_from_a_rejection_to_the_event_and_back() -> None:
    step = Bisection(2000, 2000)
    limits = []
    for rejected in (2000, 1000, 3, 1):
        assert not step.has_found
        step = step.halve(rejected)
        limits.append(step.limit)
        if step.has_found:
            break
    assert limits == [1000, 500, 1]
    grown = []
    while step.limit < step.most:
        step = step.grow()
        grown.append(step.limit)
    assert grown[:3] == [2, 4, 8]
    assert grown[-1] == 2000


def test_event_alone_in_its_batch_is_read_again_alone() -> None:
    assert Bisection(2000, 2000).halve(1) == Bisection(2000, 1)


def test_batches_of_one_event_need_no_search() -> None:
    assert Bisection(1, 1).has_found
    assert Bisection(1, 1).grow() == Bisection(1, 1)


@given(st.integers(1, 100_000), st.data())
def test_limit_stays_between_one_and_most(most: int, data: st.DataObject) -> None:
    step = Bisection(most, most)
    for _ in range(30):
        step = (
            step.halve(data.draw(st.integers(1, step.limit)))
            if data.draw(st.booleans())
            else step.grow()
        )
        assert 1 <= step.limit <= most
