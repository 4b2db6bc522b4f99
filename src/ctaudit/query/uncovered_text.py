"""The parts that are not covered: as sentences for people, and as a JSON object."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from ctaudit.query.uncovered import Uncovered
from ctaudit.query.value_text import format_time, localise_times, plain_time

_SENTENCES_MAX = 20


def format_uncovered(parts: Sequence[Uncovered]) -> Iterator[str]:
    """A sentence for each of the first _SENTENCES_MAX parts, and one that counts the others."""
    for part in parts[:_SENTENCES_MAX]:
        begin = _format_bound("from", part.uncovered_from)
        until = _format_bound("until", part.uncovered_until)
        yield f"not covered{begin}{until}: {localise_times(part.why)}"
    more = len(parts) - _SENTENCES_MAX
    if more > 0:
        yield f"{more} more parts of the span are not covered; ask for a shorter span"


def _format_bound(word: str, time: datetime | None) -> str:
    return "" if time is None else f" {word} {format_time(time, trim=True)}"


def plain_uncovered(parts: Sequence[Uncovered]) -> dict[str, Any]:
    """The keys that the last line of ``flows --format json`` promises."""
    return {
        "uncovered": [
            {
                "node": part.node,
                "from": plain_time(part.uncovered_from),
                "until": plain_time(part.uncovered_until),
                "why": part.why,
            }
            for part in parts
        ]
    }
