"""Answers that were shown, for an hour, in memory: each by the number of its inquiry.

To ask anew would be another inquiry, maybe with another answer: docs/decisions/0046.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ctaudit.report.page import Page

LASTS = 3600.0  # seconds
MOST = 200
# Of all that are kept, in questions and connections: 5 kB each, see Kept.size.
ROOM = 20_000


@dataclass(frozen=True)
class Kept:
    """``person``: on whose behalf it was asked. ``view``: what its page shows.

    ``page``: to be handed over; None: there is none, as of traffic. ``size``: how many questions
    and connections it has. ``others``: the inquiries beside that by whose number it is kept.
    """

    person: str | None
    page: Page | None
    view: Any
    plain: dict[str, Any]
    size: int = 1
    others: tuple[int, ...] = ()


class KeptAnswers:
    """The newest answers; older ones go first."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._kept: OrderedDict[int, tuple[float, Kept]] = OrderedDict()
        self._homes: dict[int, int] = {}
        self._room = ROOM
        self._unrecorded = 0

    def keep(self, number: int, answer: Kept) -> None:
        with self._lock:
            self._kept[number] = (self._now() + LASTS, answer)
            self._homes |= dict.fromkeys(answer.others, number)
            self._room -= answer.size
            self._drop()

    def find(self, number: int) -> Kept | None:
        with self._lock:
            self._drop()
            found = self._kept.get(number)
            return None if found is None else found[1]

    def find_home(self, number: int) -> int | None:
        """Under which number the answer of this inquiry is kept, where it is another's."""
        with self._lock:
            self._drop()
            return self._homes.get(number)

    def next_unrecorded(self) -> int:
        """A number for what a standby answered, which cannot put questions on record; negative."""
        with self._lock:
            self._unrecorded -= 1
            return self._unrecorded

    def _drop(self) -> None:
        """The newest stays as long as its hour, however large it is."""
        now = self._now()
        while self._kept:
            last, oldest = next(iter(self._kept.values()))
            is_alone = len(self._kept) == 1
            if last > now and (is_alone or (len(self._kept) <= MOST and self._room >= 0)):
                return
            self._kept.popitem(last=False)
            self._room += oldest.size
            for number in oldest.others:
                self._homes.pop(number, None)
