"""Answers that were shown, for an hour, in memory: each by the number of its inquiry.

To ask anew would be another inquiry, maybe with another answer: docs/decisions/0046.
"""

from __future__ import annotations

import json
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from ctaudit.report.page import Page

LASTS = 3600.0  # seconds
MOST = 200
BYTES_MOST = 80_000_000  # of all that are kept, as Kept.size guesses them


@dataclass(frozen=True)
class Kept:
    """``person``: on whose behalf it was asked. ``view``: what its page shows.

    ``page``: to be handed over; None: there is none, as of traffic. ``plain``: values for JSON.
    """

    person: str | None
    page: Page | None
    view: Any
    plain: dict[str, Any]


@dataclass(frozen=True)
class KeptAnswer:
    """``number``: of its first inquiry, its address. ``json``: its twin."""

    number: int
    person: str | None
    page: Page | None
    view: Any
    json: str

    @property
    def size(self) -> int:
        """In bytes, roughly: what a page shows is about as large as its twin."""
        sections = () if self.page is None else self.page.sections
        return 2 * len(self.json) + sum(10_000 + len(each.timeline) for each in sections)


class KeptAnswers:
    """The newest answers; older ones go first."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: OrderedDict[int, tuple[float, KeptAnswer, tuple[int, ...]]] = OrderedDict()
        self._first: dict[int, int] = {}
        self._size = 0
        self._unrecorded = 0

    def keep(self, number: int, answer: Kept, others: Iterable[int] = ()) -> None:
        """``others``: the further inquiries that it answers."""
        text = json.dumps(answer.plain, separators=(",", ":"))
        kept = KeptAnswer(number, answer.person, answer.page, answer.view, text)
        numbers = (number, *others)
        with self._lock:
            self._kept[number] = (self._clock() + LASTS, kept, numbers)
            self._first.update(dict.fromkeys(numbers, number))
            self._size += kept.size
            self._drop()

    def find(self, number: int) -> KeptAnswer | None:
        """That of which the inquiry is one, the first or another."""
        with self._lock:
            self._drop()
            first = self._first.get(number)
            return None if first is None else self._kept[first][1]

    def next_unrecorded(self) -> int:
        """A number for what a standby answered, which cannot put questions on record; negative."""
        with self._lock:
            self._unrecorded -= 1
            return self._unrecorded

    def _drop(self) -> None:
        now = self._clock()
        while self._kept:
            last, kept, numbers = next(iter(self._kept.values()))
            is_too_much = len(self._kept) > MOST or self._size > BYTES_MOST
            # The newest one is shown once at least, however large it is.
            if last > now and not (is_too_much and len(self._kept) > 1):
                return
            self._kept.popitem(last=False)
            self._size -= kept.size
            for number in numbers:
                del self._first[number]
