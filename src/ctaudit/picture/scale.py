"""Where a time or a number stands in a picture, and which numbers its axis names."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class TimeScale:
    """From ``begin`` at the pixel ``left`` to ``end`` at ``right``."""

    begin: datetime
    end: datetime
    left: float
    right: float

    def x(self, time: datetime) -> float:
        """In the plot: what lies outside is at its edge."""
        share = min(max((time - self.begin) / (self.end - self.begin), 0.0), 1.0)
        return round(self.left + share * (self.right - self.left), 1)


@dataclass(frozen=True)
class LogScale:
    """Of positive numbers: from ``first`` at the pixel ``left`` to ``last`` at ``right``."""

    first: float
    last: float
    left: float
    right: float

    def x(self, number: float) -> float:
        """In the plot: what lies outside is at its edge."""
        inside = min(max(number, self.first), self.last)
        share = math.log(inside / self.first) / math.log(self.last / self.first)
        return round(self.left + share * (self.right - self.left), 1)


@dataclass(frozen=True)
class Heights:
    """From 0 at the pixel ``bottom`` to ``most`` at ``top``."""

    most: float
    top: float
    bottom: float

    def height(self, number: float) -> float:
        """What is not 0 can be seen."""
        if number <= 0 or self.most <= 0:
            return 0.0
        full = self.bottom - self.top
        return max(1.0, round(min(number / self.most, 1.0) * full, 1))


def list_numbers(most: float, count: int = 3) -> Sequence[int]:
    """Round whole numbers above 0 and up to ``most``, ``count`` of them or a few less."""
    if most < 1:
        return ()
    least = max(most / count, 1)
    power = 10 ** math.floor(math.log10(least))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least * 0.999)
    return [step * place for place in range(1, int(most // step) + 1)]


_SIZES = ((10**15, "PB"), (10**12, "TB"), (10**9, "GB"), (10**6, "MB"), (10**3, "kB"))


def format_bytes(count: float) -> str:
    """``0 B``, ``987 B``, ``1.2 kB``, ``50 GB``: decimal units, two digits or three."""
    for size, unit in _SIZES:
        # What would be rounded up to 1000 of the unit below is 1 of this one.
        if count >= size * 0.9995:
            return f"{_format_digits(count / size)} {unit}"
    return f"{count:.0f} B"


def format_number(count: float) -> str:
    """``0``, ``987``, ``1.2 k``, ``50 M``."""
    for size, unit in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if count >= size * 0.9995:
            return f"{_format_digits(count / size)} {unit}"
    return f"{count:.0f}"


def _format_digits(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0") if number < 9.95 else f"{number:.0f}"
