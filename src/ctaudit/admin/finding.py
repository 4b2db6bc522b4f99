"""What check finds: one thing each, how good it is, and what to do where it is not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any


class Level(IntEnum):
    """The number is the exit status."""

    GOOD = 0
    WARNING = 1
    UNFIT = 2


WORDS = {Level.GOOD: "good", Level.WARNING: "warning", Level.UNFIT: "not fit"}


@dataclass(frozen=True)
class Finding:
    """``wanted`` and ``remedy`` are empty where all is well."""

    name: str
    level: Level
    found: str
    wanted: str = ""
    remedy: str = ""


def make_finding(
    name: str, found: str, *, good: bool, wanted: str, remedy: str, level: Level = Level.WARNING
) -> Finding:
    """``level`` is what it is when it is not good."""
    return Finding(name, Level.GOOD, found) if good else Finding(name, level, found, wanted, remedy)


def worst(findings: Iterable[Finding]) -> Level:
    return max((item.level for item in findings), default=Level.GOOD)


def format_findings(findings: Sequence[Finding]) -> Iterator[str]:
    """One line each, a second with the remedy, and the verdict."""
    width = max((len(item.name) for item in findings), default=0)
    for item in findings:
        line = f"{WORDS[item.level]:<7}  {item.name:<{width}}  {item.found}"
        yield line + (f"; wanted: {item.wanted}" if item.wanted else "")
        if item.remedy:
            yield f"{'':<7}  {'':<{width}}  {item.remedy}"
    yield _format_verdict(findings)


def plain_findings(findings: Sequence[Finding]) -> dict[str, Any]:
    """The keys that ``check --json`` promises."""
    return {
        "verdict": WORDS[worst(findings)],
        "findings": [
            {
                "name": item.name,
                "level": WORDS[item.level],
                "found": item.found,
                "wanted": item.wanted or None,
                "remedy": item.remedy or None,
            }
            for item in findings
        ],
    }


def _format_verdict(findings: Sequence[Finding]) -> str:
    missing = sum(item.level is Level.UNFIT for item in findings)
    doubtful = sum(item.level is Level.WARNING for item in findings)
    if missing:
        return f"This gateway is not fit yet: {missing} missing, {doubtful} doubtful."
    if doubtful:
        return f"This gateway records, {doubtful} doubtful."
    return "This gateway is fit to be believed."
