"""check's findings: as text for people, and as one JSON object."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ctaudit.admin.finding import Finding, Level, worst

_LABELS = {Level.GOOD: "good", Level.WARNING: "warning", Level.UNFIT: "error"}
_PLAIN_LEVELS = {Level.GOOD: "good", Level.WARNING: "warning", Level.UNFIT: "not fit"}


def format_findings(findings: Sequence[Finding]) -> Iterator[str]:
    """A line for each, a second with the remedy where there is one, and the verdict."""
    width = max((len(item.name) for item in findings), default=0)
    for item in findings:
        line = f"{_LABELS[item.level]:<7}  {item.name:<{width}}  {item.found}"
        yield line + (f"; expected: {item.wanted}" if item.wanted else "")
        if item.remedy:
            yield f"{'':<7}  {'':<{width}}  {item.remedy}"
    yield _format_verdict(findings)


def _format_verdict(findings: Sequence[Finding]) -> str:
    errors = _count(findings, Level.UNFIT, "error")
    warnings = _count(findings, Level.WARNING, "warning")
    # A database's host without a receiver records nothing itself.
    done = "Ready" if any(item.name == "gateway" for item in findings) else "Recording"
    match worst(findings):
        case Level.UNFIT:
            return f"Not ready: {errors}, {warnings}."
        case Level.WARNING:
            return f"{done}, with {warnings}."
        case Level.GOOD:
            return f"{done}, without errors and warnings."


def _count(findings: Sequence[Finding], level: Level, noun: str) -> str:
    number = sum(item.level is level for item in findings)
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def plain_findings(findings: Sequence[Finding]) -> dict[str, Any]:
    """The keys that ``check --json`` promises."""
    return {
        "verdict": _PLAIN_LEVELS[worst(findings)],
        "findings": [
            {
                "name": item.name,
                "level": _PLAIN_LEVELS[item.level],
                "found": item.found,
                "wanted": item.wanted or None,
                "remedy": item.remedy or None,
            }
            for item in findings
        ],
    }
