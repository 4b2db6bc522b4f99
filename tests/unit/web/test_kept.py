"""How long and how many answers are kept."""

from __future__ import annotations

import pytest

pytest.importorskip("flask")

from ctaudit.web.kept import LASTS, MOST, ROOM, Kept, KeptAnswers


class Hands:
    """A clock that is set by hand."""

    time = 1000.0

    def __call__(self) -> float:
        return self.time


def answer(size: int = 1, others: tuple[int, ...] = ()) -> Kept:
    return Kept("alice", None, None, {}, size, others)


def test_for_an_hour() -> None:
    clock = Hands()
    kept = KeptAnswers(clock)
    kept.keep(7, answer())
    clock.time += LASTS - 1
    assert kept.find(7) is not None
    assert kept.find(8) is None
    clock.time += 1
    assert kept.find(7) is None


def test_the_newest_of_many() -> None:
    kept = KeptAnswers()
    for number in range(MOST + 5):
        kept.keep(number, answer())
    assert [number for number in range(MOST + 5) if kept.find(number)] == list(range(5, MOST + 5))


def test_large_ones_take_the_room_of_others() -> None:
    kept = KeptAnswers()
    for number in range(5):
        kept.keep(number, answer(ROOM // 4))
    assert [number for number in range(5) if kept.find(number)] == [1, 2, 3, 4]
    kept.keep(9, answer(2 * ROOM))
    assert [number for number in range(10) if kept.find(number)] == [9], "the newest stays"
    kept.keep(10, answer())
    assert kept.find(9) is None
    kept.keep(11, answer(ROOM - 1))
    assert kept.find(10) is not None, "the room is free again"


def test_a_letter_is_found_by_each_of_its_inquiries() -> None:
    clock = Hands()
    kept = KeptAnswers(clock)
    kept.keep(7, answer(others=(8, 9)))
    assert [kept.find_home(number) for number in (7, 8, 9, 10)] == [None, 7, 7, None]
    assert kept.find(8) is None
    clock.time += LASTS
    assert kept.find_home(8) is None


def test_what_a_standby_answered_has_numbers_of_its_own() -> None:
    kept = KeptAnswers()
    assert [kept.next_unrecorded() for _ in range(3)] == [-1, -2, -3]
