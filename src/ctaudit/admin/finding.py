"""What check finds: one subject each, how bad it is, and what to do where it is not good."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from ctaudit.errors import CHECK_GOOD, CHECK_NOT_FIT, CHECK_WARNINGS


class Level(IntEnum):
    """The number is check's exit status where this is the worst level found."""

    GOOD = CHECK_GOOD
    WARNING = CHECK_WARNINGS
    UNFIT = CHECK_NOT_FIT


@dataclass(frozen=True)
class Finding:
    """``wanted``: what was expected, "" where ``found`` says it; ``remedy``: "" only where good."""

    name: str
    level: Level
    found: str
    wanted: str = ""
    remedy: str = ""


def make_finding(
    name: str,
    found: str,
    *,
    good: bool,
    remedy: str,
    wanted: str = "",
    level: Level = Level.WARNING,
) -> Finding:
    """A finding of ``level`` or, where it is ``good``, one without ``wanted`` and ``remedy``."""
    return Finding(name, Level.GOOD, found) if good else Finding(name, level, found, wanted, remedy)


def worst(findings: Iterable[Finding]) -> Level:
    return max((item.level for item in findings), default=Level.GOOD)
