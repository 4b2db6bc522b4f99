"""Answers that were shown, for an hour, in memory: each by the number of its inquiry.

To ask anew would be another inquiry, maybe with another answer: docs/decisions/0046.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from ctaudit.report.page import Page

LASTS = 3600.0  # seconds
MOST = 200
_QUESTIONS_MOST = 2000  # of all that are kept


@dataclass(frozen=True)
class Kept:
    """``person``: on whose behalf it was asked. ``view``: what its page shows.

    ``page``: to be handed over; None: there is none, as of traffic.
    """

    person: str | None
    page: Page | None
    view: Any
    plain: dict[str, Any]

    @property
    def size(self) -> int:
        """In questions."""
        return 1 if self.page is None else len(self.page.sections)


class KeptAnswers:
    """The newest answers; older ones go first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[int, tuple[float, Kept]] = OrderedDict()
        self._unrecorded = 0

    def keep(self, number: int, answer: Kept) -> None:
        with self._lock:
            self._kept[number] = (time.monotonic() + LASTS, answer)
            self._drop()

    def find(self, number: int) -> Kept | None:
        with self._lock:
            self._drop()
            found = self._kept.get(number)
            return None if found is None else found[1]

    def next_unrecorded(self) -> int:
        """A number for what a standby answered, which cannot put questions on record; negative."""
        with self._lock:
            self._unrecorded -= 1
            return self._unrecorded

    def _drop(self) -> None:
        now = time.monotonic()
        while self._kept:
            last, _ = next(iter(self._kept.values()))
            questions = sum(kept.size for _, kept in self._kept.values())
            if last > now and len(self._kept) <= MOST and questions <= _QUESTIONS_MOST:
                return
            self._kept.popitem(last=False)
