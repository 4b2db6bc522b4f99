"""What came of an import of holders, as text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from ctaudit.admin.holder_statement import Unreadable
from ctaudit.admin.import_holders import Imported
from ctaudit.query.value_text import format_count, localise_times

_SHOWN = 20  # lines that could not be taken


def format_imported(imported: Imported) -> Iterator[str]:
    sums: Counter[str] = Counter()
    overlaps = 0
    for outcome, count in imported.counts.items():
        word, _, more = outcome.partition(", ")
        sums[word] += count
        overlaps += count if more else 0
    words = [f"{sums[word]:,} {word}" for word in ("added", "lengthened", "changed", "shortened")]
    found = ", ".join([*words, f"{sums['unchanged']:,} unchanged"])
    yield f"Source {imported.source}: {format_count(imported.read, 'statement')} read: {found}."
    if overlaps:
        intervals = format_count(overlaps, "interval")
        yield f"{intervals} began within another holder's, which ends there now."


def format_refused(refused: Sequence[tuple[Path, Unreadable]]) -> Iterator[str]:
    for path, one in refused[:_SHOWN]:
        yield f"{path}: line {one.line}: {localise_times(one.reason)}"
    if len(refused) > _SHOWN:
        yield f"{len(refused) - _SHOWN:,} more lines were not imported"
