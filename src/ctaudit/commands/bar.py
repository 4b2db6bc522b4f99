"""How far a command is: a bar on standard error, where a person waits for a file to be written."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TextIO

from ctaudit import output

_WIDTH = 30
_PAUSE = 0.2  # seconds


class Bar:
    """Shown only where standard error is a terminal, and not beside output on one: both would mix.

    ``total`` None: it is not known; ``prints``: whether the command writes to standard output.
    """

    def __init__(
        self,
        total: int | None,
        noun: str,
        clock: Callable[[], float] = time.monotonic,
        *,
        prints: bool = True,
    ) -> None:
        self._total = total
        self._noun = noun
        self._clock = clock
        self._last = clock()
        self._is_shown = False
        self._is_wanted = _is_terminal(sys.stderr) and not (
            prints and _is_terminal(output.require())
        )

    def show(self, done: int) -> None:
        now = self._clock()
        if self._is_wanted and (now - self._last >= _PAUSE or done == self._total):
            self._last = now
            self._is_shown = True
            _write(f"\r{format_bar(done, self._total, self._noun)}\x1b[K")

    def close(self) -> None:
        """Leaves the line of the bar."""
        if self._is_shown:
            _write("\n")


def format_bar(done: int, total: int | None, noun: str) -> str:
    """``[###-------] 3 of 10 questions``; ``3 questions``, where ``total`` is not known."""
    if total is None:
        return f"{done:,} {noun}s"
    filled = min(_WIDTH * done // max(total, 1), _WIDTH)
    return f"[{'#' * filled}{'-' * (_WIDTH - filled)}] {done:,} of {total:,} {noun}s"


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and stream.isatty()


def _write(text: str) -> None:
    """A command does not fail by what shows how far it is."""
    with suppress(OSError):
        sys.stderr.write(text)
        sys.stderr.flush()
