"""The table of a run: what was said, by feature, and how to see each false answer again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from tests.store.histories.scoring import (
    FALSE_NONE,
    FALSE_ONE,
    FALSE_SEVERAL,
    NEEDLESS_SEVERAL,
    NEEDLESS_UNKNOWN,
    RIGHT,
    UNFORESEEN,
    Tally,
)

_COLUMNS = {
    "questions": "questions", FALSE_ONE: "false one", FALSE_NONE: "false none",
    FALSE_SEVERAL: "false several", NEEDLESS_UNKNOWN: "needless unknown",
    NEEDLESS_SEVERAL: "needless several", UNFORESEEN: "unforeseen", RIGHT: "right",
}  # fmt: skip


def format_tally(tally: Tally) -> Iterator[str]:
    """One line a feature: the questions to histories that have it, among others or alone."""
    grades, total = tally.grades, max(1, tally.questions)
    yield f"{tally.histories} histories, {tally.questions} questions, {tally.provable} provable"
    for grade, count in grades.most_common():
        yield f"  {grade:18} {count:7} {100 * count / total:7.3f} %"
    yield ""
    yield f"{'histories with':22}" + "".join(f"{name:>17}" for name in _COLUMNS.values())
    for name, counts in sorted(tally.features.items(), key=lambda item: -_count_false(item[1])):
        yield f"{name:22}" + "".join(f"{_cell(counts, column):>17}" for column in _COLUMNS)
    yield "(in brackets: of histories that have nothing else)"


def _count_false(counts: Counter[str]) -> int:
    return counts[FALSE_ONE] + counts[FALSE_NONE] + counts[FALSE_SEVERAL]


def _cell(counts: Counter[str], column: str) -> str:
    if column == "questions":
        total = sum(number for name, number in counts.items() if not name.startswith("alone"))
        return f"{total} ({counts['alone']})"
    alone = counts[f"alone {column}"]
    return f"{counts[column]} ({alone})" if counts[column] else "."


def format_causes(causes: Mapping[tuple[str, frozenset[str]], Sequence[str]]) -> Iterator[str]:
    """By grade and what is left after shrinking; with the first two histories of each."""
    yield f"{'':5} {'grade':18} what is left after shrinking"
    for (grade, left), seen in sorted(causes.items(), key=lambda item: -len(item[1])):
        words = ", ".join(sorted(left)) or "nothing"
        yield f"{len(seen):5} {grade:18} {words}: {', '.join(seen[:2])}"
