"""How long events waited for their commit: counts that the recorder keeps in a file of the spool.

docs/spool-format.md has the format, docs/decisions/0038 why the counts are here.
"""

from __future__ import annotations

import logging
import mmap
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

log = logging.getLogger(__name__)

FILE_NAME = "recorder.lag"
# Seconds: the upper bound of each bucket but the last, which has none.
BOUNDS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0)
_MAGIC = int.from_bytes(b"CTALAG\0\1", "little")
_SIZE = 4096
_SUM, _FIRST = 1, 2  # words of 8 bytes; the first one is _MAGIC
_PLACES = len(BOUNDS) + 1


@dataclass(frozen=True)
class LagHistogram:
    """``counts``: events of each bucket, not added up; ``total``: seconds that all waited."""

    counts: tuple[int, ...]
    total: float


class LagCounts:
    """The counts of one spool, which go on where an earlier recorder left them."""

    def __init__(self, words: memoryview) -> None:
        self._words = words
        if words[0] != _MAGIC:
            for place in range(_SUM, _FIRST + _PLACES):
                words[place] = 0
            words[0] = _MAGIC

    def add(self, events: int, seconds: float) -> None:
        """``events`` were committed, of which none had waited for more than ``seconds``."""
        waited = max(seconds, 0.0)
        words = self._words
        words[_FIRST + _find_bucket(waited)] += events
        words[_SUM] += round(waited * 1e6) * events


def open_lag(directory: Path) -> LagCounts:
    """The counts in ``directory``; where there can be no file, counts that nobody reads."""
    try:
        return LagCounts(_map(directory / FILE_NAME))
    except OSError as error:
        log.warning("%s: no histogram of the lag: %s", directory / FILE_NAME, error.strerror)
        return LagCounts(memoryview(mmap.mmap(-1, _SIZE)).cast("Q"))


def read_lag(directory: Path) -> LagHistogram | None:
    """None: no recorder has counted there, or this user may not read it."""
    used = 8 * (_FIRST + _PLACES)
    with suppress(OSError):
        content = (directory / FILE_NAME).read_bytes()[:used]
        words = memoryview(content.ljust(used, b"\0")).cast("Q")
        if words[0] == _MAGIC:
            return LagHistogram(tuple(words[_FIRST:]), words[_SUM] / 1e6)
    return None


def _map(path: Path) -> memoryview:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o660)
    try:
        # Allocated, so that a full disk is an error here and no SIGBUS later.
        os.posix_fallocate(descriptor, 0, _SIZE)
        return memoryview(mmap.mmap(descriptor, _SIZE)).cast("Q")
    finally:
        os.close(descriptor)


def _find_bucket(seconds: float) -> int:
    return next((place for place, most in enumerate(BOUNDS) if seconds <= most), len(BOUNDS))
