"""Dropped events are counted exactly, whatever line the receiver is killed at."""

from __future__ import annotations

import itertools

import pytest

from ctaudit.spool.drop_counter import DropCounter
from ctaudit.spool.segment import HEADER_SIZE, Word

EVENT = 0x0000_0100_0000_00BC  # the first 8 bytes of a NEW of 188 bytes: length, type, flags


class Killed(Exception):
    """At this store the receiver is killed."""


class Words:
    """A header whose words can be stored to only so many times."""

    def __init__(self, stores: int) -> None:
        self.words = memoryview(bytearray(HEADER_SIZE)).cast("Q")
        self.left = stores

    def __getitem__(self, index: int | slice) -> int | memoryview:
        return self.words[index]

    def __setitem__(self, index: int, value: int) -> None:
        if not self.left:
            raise Killed
        self.left -= 1
        self.words[index] = value


def slots(words: memoryview) -> tuple[int, int]:
    return words[Word.EVEN_SLOT], words[Word.ODD_SLOT]


def test_counting() -> None:
    words = Words(100).words
    drops = DropCounter(words)
    drops.begin(1_700_000_000_000_000_000, 4000)
    for _ in range(5):
        slot = drops.next_slot()
        assert (slot.nbytes, slot[0]) == (8, 0)
        slot[0] = EVENT
        drops.count()
    assert drops.events == 5
    assert (drops.since, drops.noted_from) == (1_700_000_000_000_000_000, 4000)
    assert slots(words) == (0, 0)


@pytest.mark.parametrize("taken", [0, 1, 2, 3])
def test_killed_at_any_store(taken: int) -> None:
    """``taken`` events are received; a restart, itself killed at any store, counts each once."""
    for first, second in itertools.product(range(10), range(5)):
        words = Words(first)
        drops = DropCounter(words)  # type: ignore[arg-type]
        received = 0
        try:
            for _ in range(taken):
                drops.next_slot()[0] = EVENT
                received += 1
                drops.count()
        except Killed:
            pass
        words.left = second
        try:
            DropCounter(words).settle()  # type: ignore[arg-type]
        except Killed:
            words.left = 10
            DropCounter(words).settle()  # type: ignore[arg-type]
        assert drops.events == received, (first, second)
        assert slots(words.words) == (0, 0)


def test_settling_what_is_settled_changes_nothing() -> None:
    words = Words(100).words
    drops = DropCounter(words)
    drops.next_slot()[0] = EVENT
    drops.count()
    before = bytes(words)
    drops.settle()
    assert bytes(words) == before
