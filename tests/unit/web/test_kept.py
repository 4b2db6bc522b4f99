"""Answers are kept for an hour, and no more than memory has room for."""

from __future__ import annotations

from typing import Any

import pytest

from ctaudit.web import kept
from ctaudit.web.kept import LASTS, MOST, Kept, KeptAnswers


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def answers(clock: Clock) -> KeptAnswers:
    return KeptAnswers(clock)


def answer(**plain: Any) -> Kept:
    return Kept("audrey", None, "view", plain)


def test_an_hour(clock: Clock, answers: KeptAnswers) -> None:
    answers.keep(7, answer(verdict="one"))
    clock.now = LASTS - 1
    found = answers.find(7)
    assert found is not None
    assert (found.number, found.person, found.json) == (7, "audrey", '{"verdict":"one"}')
    clock.now = LASTS + 1
    assert answers.find(7) is None


def test_each_inquiry_of_a_letter_leads_to_the_first(clock: Clock, answers: KeptAnswers) -> None:
    answers.keep(7, answer(), [9, 11])
    assert [getattr(answers.find(each), "number", None) for each in (7, 8, 9, 11)] == [
        7,
        None,
        7,
        7,
    ]
    clock.now = LASTS + 1
    assert [answers.find(each) for each in (7, 9, 11)] == [None] * 3


def test_the_oldest_goes_first(answers: KeptAnswers) -> None:
    for number in range(MOST + 3):
        answers.keep(number, answer())
    assert [answers.find(each) is None for each in (0, 2, 3, MOST + 2)] == [
        True,
        True,
        False,
        False,
    ]


def test_by_their_size(answers: KeptAnswers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "BYTES_MOST", 10_000)
    for number in range(4):
        answers.keep(number, answer(text="x" * 2000))
    assert [answers.find(each) is None for each in range(4)] == [True, True, False, False]
    answers.keep(4, answer(text="x" * 20_000))
    assert answers.find(3) is None, "it has taken the room of the others"
    assert answers.find(4) is not None, "and is shown itself"
    answers.keep(5, answer())
    assert answers.find(4) is None and answers.find(5) is not None


def test_numbers_of_what_is_not_on_record(answers: KeptAnswers) -> None:
    assert (answers.next_unrecorded(), answers.next_unrecorded()) == (-1, -2)
